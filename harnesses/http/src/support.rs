//! Small things that several HTTP probes share.

use harness_kit::Answer;

/// Whether a body is a refusal in disguise: a success status over a body that says otherwise decides nothing by itself,
/// so probes look at the state afterwards; this only words the finding.
pub(crate) fn said(answer: &Answer) -> String {
    let text: String = answer.text().chars().take(120).collect();
    if text.is_empty() { answer.status_line() } else { format!("{}: {text}", answer.status_line()) }
}
