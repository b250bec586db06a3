//! What the tests of this crate share: the reports under `reports/`, and a comparison that says how to accept a change.

#![allow(dead_code, reason = "every test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};

use grader_model::{ProbeReport, Report};
use grader_report::{Audience, RenderOptions};

/// Every report under `reports/`.
pub(crate) const REPORTS: [&str; 4] = ["rich", "does-not-start", "refused", "not-graded"];

/// The command that accepts what the renderers write now.
const ACCEPT: &str = "cargo xtask bless -p grader-report";

pub(crate) fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The report `reports/NAME.json`.
pub(crate) fn report(name: &str) -> Report {
    let path = crate_dir().join("tests/reports").join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn candidate() -> RenderOptions {
    RenderOptions { audience: Audience::Candidate, ..RenderOptions::default() }
}

pub(crate) fn probes(report: &Report) -> impl Iterator<Item = &ProbeReport> {
    report.criteria.iter().flat_map(|criterion| &criterion.probes)
}

/// Compares `actual` with the file at `path`; with `GRADER_BLESS` set, writes the file instead.
pub(crate) fn assert_accepted(path: PathBuf, actual: &str) {
    if std::env::var_os("GRADER_BLESS").is_some() {
        fs::write(&path, actual).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let accepted = fs::read_to_string(&path).unwrap_or_default();
    if accepted != actual {
        let diff = grader_report::diff::text_diff(&format!("{accepted}\n"), actual);
        panic!("{} has changed:\n{diff}\nRead the change; this accepts it:\n    {ACCEPT}\n", path.display());
    }
}

/// SARIF 2.1.0 as OASIS published it, but for one pattern with a stray bracket that only lax readers take.
pub(crate) fn sarif_schema() -> serde_json::Value {
    let text = fs::read_to_string(crate_dir().join("tests/schema/sarif-2.1.0.json")).expect("the schema is there");
    let mended = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    assert_ne!(text, mended, "the published pattern has been mended; so can this be");
    serde_json::from_str(&mended).expect("the schema is JSON")
}
