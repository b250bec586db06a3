//! Which texts of a reviewer's report are hidden: whatever only hidden probes say.

use std::collections::BTreeSet;

use serde_json::Value;

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
        public[derived] = Value::Null;
    }
    texts(&public, &mut shown);
    let shown: String = shown.into_iter().collect::<Vec<_>>().join("\n");
    hidden.retain(|text| text.len() >= 9 && !shown.contains(text.as_str()));
    hidden
}

/// Those that stand in `text`, in whatever way a format writes them.
pub(crate) fn found(secrets: &BTreeSet<String>, text: &str) -> Vec<String> {
    let text = plain(text);
    secrets.iter().filter(|secret| text.contains(&plain(secret))).cloned().collect()
}

fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => into.extend(text.lines().map(|line| line.trim().to_owned())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => {
            let own = ["kind", "verdict", "visibility", "level"];
            members
                .iter()
                .filter(|(name, _)| !own.contains(&name.as_str()))
                .for_each(|(_, member)| texts(member, into));
        }
        _ => {}
    }
}

/// Without any format's escapes: what is looked for must not hide behind an entity.
fn plain(text: &str) -> String {
    let mut text = text.replace(['\u{200b}', '\\'], "");
    for (entity, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&amp;", "&"),
        ("&#38;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
