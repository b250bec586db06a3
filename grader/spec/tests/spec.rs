//! The assessments that ship, their schema, and a gallery of mistakes: `mistakes/NAME.yaml` is what is wrong with a sound
//! spec (a list of edits), `mistakes/NAME.err` what is said of it.

use std::path::Path;

use grader_spec::{BUILT_IN, SpecError, load, load_named, spec_schema};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_schema_file_is_current() {
    let path = folder("../../specs/spec.schema.json");
    let current = spec_schema();
    if std::env::var_os("GRADER_BLESS").is_some() {
        std::fs::write(&path, &current).expect("the schema can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == current, "accept the new schema with: cargo xtask bless -p grader-spec");
}

#[test]
fn every_built_in_assessment_is_sound() {
    for (name, _) in BUILT_IN {
        let loaded = load_named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(loaded.spec.id, *name);
    }
}

#[test]
fn every_assessment_of_somebody_elses_api_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/assessments");
    let files: Vec<_> = std::fs::read_dir(&folder).expect("a folder of assessments").flatten().collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        let text = std::fs::read_to_string(file.path()).expect("a readable assessment");
        load(&file.path().to_string_lossy(), &text).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_starting_point_is_sound_under_any_name() {
    for id in ["my-assessment", "another-one"] {
        let loaded =
            load("starting point", &grader_spec::starting_point(id)).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(loaded.spec.id, id);
        assert!(loaded.spec.probes().any(|(_, probe)| probe.custom.is_some()), "it shows a custom probe");
    }
}

#[test]
fn the_bookstore_is_weighted_as_its_brief_says() {
    let spec = load_named("bookstore").expect("a sound spec").spec;
    let weights: Vec<f64> = spec.criteria.iter().map(|criterion| criterion.weight).collect();
    assert_eq!(weights, [20.0, 20.0, 15.0, 15.0, 15.0, 10.0, 5.0]);
    // Every probe of the catalogue has its place.
    for entry in grader_model::CATALOGUE {
        assert!(spec.probe(entry.id).is_some(), "{} stands under no criterion", entry.id);
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut seen = 0;
    let mut entries: Vec<_> = std::fs::read_dir(folder("tests/mistakes"))
        .expect("the gallery")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    entries.sort();
    for path in entries {
        let text = std::fs::read_to_string(&path).expect("a spec");
        let said = match load("spec.yaml", &text) {
            Err(SpecError::Mistaken { mistakes, .. }) => {
                mistakes.iter().map(|mistake| format!("{mistake}\n")).collect::<String>()
            }
            other => panic!("{}: {other:?}", path.display()),
        };
        let expected = path.with_extension("err");
        if std::env::var_os("GRADER_BLESS").is_some() {
            std::fs::write(&expected, &said).expect("the gallery can be written");
        }
        let kept = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(said, kept, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "the gallery is empty");
}
