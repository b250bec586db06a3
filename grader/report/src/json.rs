//! The report as JSON: exactly the model, in its own order, indented by two spaces.
//!
//! Characters on which a terminal, an editor or a CI log could act are written as `\u` escapes, which changes no value.

use std::fmt::Write as _;

use grader_model::Report;

use crate::options::RenderError;
use crate::text;

pub(crate) fn render(report: &Report) -> Result<String, RenderError> {
    let mut json = inert(&serde_json::to_string_pretty(report)?);
    json.push('\n');
    Ok(json)
}

/// `json` with active characters escaped.
///
/// Outside of strings JSON has only ASCII punctuation, digits, letters and line breaks, so whatever is replaced here
/// stands inside a string, where an escape means the character itself.
pub(crate) fn inert(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if text::is_active(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    // A string holding a marker of the older workflow commands; the newer ones count at a line's start only, where
    // JSON has a quote.
    safe.replace("##[", "#\\u0023[")
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_keep_every_value() {
        let value = serde_json::json!({"k": "a\u{202e}b\u{9b}c\u{e0041}d##[error]\u{7f}\u{1b}[0m \\u202e \\"});
        let text = super::inert(&serde_json::to_string_pretty(&value).expect("JSON"));
        assert!(text.is_ascii() && !text.contains("##["));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }
}
