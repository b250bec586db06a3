//! Stacks that keep their records in an engine other than the brief's, graded by the real binary on the real engine: the
//! store is found by a marked record, and its schema is judged as any.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::collections::BTreeMap;

use support::{Bench, copy, root};

#[test]
fn a_file_in_a_volume_is_found_and_judged() {
    let folder = root().join("fixtures/stores");
    let expected = std::fs::read_to_string(folder.join("sqlite/expected.yaml")).unwrap();
    let expected: BTreeMap<String, String> = serde_yaml::from_str(&expected).unwrap();
    let bench = Bench::new();
    copy(&folder.join("sqlite"), &bench.submission(), &[]);
    std::fs::remove_file(bench.submission().join("expected.yaml")).unwrap();
    let (source, spec) = (bench.submission().display().to_string(), folder.join("spec.yaml").display().to_string());
    let report = bench.run(["grade", &source, "--spec", &spec, "--format", "json"]).expect(0).json();
    let probes = report["criteria"].as_array().unwrap().iter().flat_map(|c| c["probes"].as_array().unwrap());
    let found: BTreeMap<String, String> = probes
        .map(|probe| (probe["id"].as_str().unwrap().to_owned(), probe["verdict"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(found, expected, "{report:#}");
}
