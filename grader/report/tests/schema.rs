//! Reports against the schemas that readers rely on: ours, and SARIF's as OASIS published it.

mod support;

use grader_report::{Format, RenderOptions, render, report_schema};
use serde_json::Value;
use support::{REPORTS, assert_accepted, candidate, crate_dir, report, sarif_schema};

fn errors(schema: &Value, instance: &str) -> Vec<String> {
    let instance: Value = serde_json::from_str(instance).expect("JSON");
    let validator = jsonschema::validator_for(schema).expect("the schema is one");
    validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_published_schema_is_the_models() {
    assert_accepted(crate_dir().join("../../specs/report.schema.json"), &report_schema());
}

#[test]
fn every_report_fits_its_schema() {
    let schema: Value = serde_json::from_str(&report_schema()).expect("JSON");
    for name in REPORTS {
        for options in [RenderOptions::default(), candidate()] {
            let json = render(&report(name), Format::Json, &options).expect("JSON");
            assert_eq!(errors(&schema, &json), Vec::<String>::new(), "{name}");
        }
    }
    assert!(!errors(&schema, "{\"schema\": 1}").is_empty(), "the schema accepts anything");
}

#[test]
fn sarif_fits_the_published_schema() {
    let schema = sarif_schema();
    for name in REPORTS {
        for options in [RenderOptions::default(), candidate()] {
            let sarif = render(&report(name), Format::Sarif, &options).expect("SARIF");
            assert_eq!(errors(&schema, &sarif), Vec::<String>::new(), "{name}");
        }
    }
    assert!(!errors(&schema, "{\"version\": \"2.1.0\", \"runs\": [{}]}").is_empty(), "the schema accepts anything");
}
