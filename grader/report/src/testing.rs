//! For tests: the texts of a part of a report, and a rendering as a search for them needs it. Not part of the product;
//! behind the feature `testing`.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every text in `value`, line by line, since formats indent and prefix lines; but for the vocabulary that every report
/// shares.
pub fn texts(value: &Value, into: &mut BTreeSet<String>) {
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

/// The text without any format's escapes, in lower case: what is looked for must not hide behind an entity.
pub fn plain(text: &str) -> String {
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
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
