//! Which texts of a reviewer's report are hidden: whatever only hidden probes say.

use std::collections::BTreeSet;

use grader_model::Report;
use grader_report::testing::{plain, texts};
use grader_report::{Format, RenderOptions, render};
use serde_json::{Value, json};

/// Every text of a hidden probe, line by line: ids, titles, findings, requests, values, statements. What public probes or
/// the rest of the report say as well is no secret, nor are short words.
pub(crate) fn secrets(report: &Value) -> BTreeSet<String> {
    let mut public = report.clone();
    let (mut hidden, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for criterion in public["criteria"].as_array_mut().unwrap() {
        criterion["probes"].as_array_mut().unwrap().retain(|probe| {
            let is_hidden = probe["visibility"] == "hidden";
            if is_hidden {
                texts(probe, &mut hidden);
            }
            !is_hidden
        });
    }
    // What is derived from probes is a reviewer's.
    for derived in ["matrix", "questions", "red_flags", "bindings", "notes"] {
        public[derived] = json!([]);
    }
    texts(&public, &mut shown);
    // Nor is what every report says, such as a page's own headers.
    public["criteria"] = json!([]);
    let bare: Report = serde_json::from_value(public).unwrap();
    shown.extend(Format::ALL.map(|format| render(&bare, format, &RenderOptions::default()).unwrap()));
    let shown = plain(&shown.into_iter().collect::<Vec<_>>().join("\n"));
    hidden.retain(|text| text.len() >= 9 && !shown.contains(&plain(text)));
    hidden
}

/// Those that stand in `text`, in whatever way a format writes them.
pub(crate) fn found(secrets: &BTreeSet<String>, text: &str) -> Vec<String> {
    let text = plain(text);
    secrets.iter().filter(|secret| text.contains(&plain(secret))).cloned().collect()
}
