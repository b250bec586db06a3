//! Takes out of a report what its reader may not see, before any renderer looks at it.
//!
//! A hidden probe leaves no trace but its weight in the scores: not its id, requests, values or words. What other
//! parts of a report say because of it goes as well, and an id that is still quoted somewhere is struck out.

use std::borrow::Cow;
use std::collections::HashSet;

use grader_model::{Evidence, FaultSide, NoteKind, ProbeReport, Report, Stage, Verdict, Visibility};
use serde_json::Value;

use crate::options::{RenderError, RenderOptions};

const BLOCKED: &str = "Not demonstrated: a finding that this report does not show is the cause.";
const FAULT: &str = "The run ended while the probes were running; this was not the submission's doing.";
const A_REVIEWER: &str = "a reviewer";
const STRUCK_OUT: &str = "(hidden)";

/// The report as the reader that `options` names may see it.
pub(crate) fn redact<'a>(report: &'a Report, options: &RenderOptions) -> Result<Cow<'a, Report>, RenderError> {
    if !options.hides() {
        return Ok(Cow::Borrowed(report));
    }
    let hidden: HashSet<&str> =
        probes(report).filter(|probe| is_hidden(probe)).map(|probe| probe.id.as_str()).collect();
    let mut view = report.clone();
    without_hidden(&mut view, &hidden);
    if !options.reviewer() {
        for_candidate(&mut view);
    }
    Ok(Cow::Owned(strike_out(view, &hidden)?))
}

fn probes(report: &Report) -> impl Iterator<Item = &ProbeReport> {
    report.criteria.iter().flat_map(|criterion| &criterion.probes)
}

fn is_hidden(probe: &ProbeReport) -> bool {
    probe.visibility == Visibility::Hidden
}

/// Removes hidden probes and whatever rests on one.
fn without_hidden(view: &mut Report, hidden: &HashSet<&str>) {
    let shown = |ids: &[String]| !ids.iter().any(|id| hidden.contains(id.as_str()));
    for criterion in &mut view.criteria {
        criterion.probes.retain(|probe| !is_hidden(probe));
        for probe in &mut criterion.probes {
            let cause_is_hidden = probe.blocked_by.as_deref().is_some_and(|cause| hidden.contains(cause));
            if cause_is_hidden && probe.verdict == Verdict::Blocked {
                probe.summary = BLOCKED.to_owned();
                probe.expected.clear();
                probe.actual.clear();
                probe.diff.clear();
                probe.evidence.clear();
            }
            if cause_is_hidden {
                probe.blocked_by = None;
            }
        }
    }
    view.red_flags.retain(|flag| !flag.probes.is_empty() && shown(&flag.probes));
    view.matrix.retain(|cell| shown(&cell.decided_by) && cell.rows.iter().all(|row| shown(&row.decided_by)));
    view.overrides.retain(|word| !hidden.contains(word.probe.as_str()));
    view.questions.retain(|question| !question.because.is_empty() && shown(&question.because));
    // The stack's log does not say which probe's request a line answers.
    if !hidden.is_empty() {
        without_logs(view);
    }
    // An observation does not say which probe made it, so it cannot be shown to come from a public one.
    view.notes.retain(|note| note.kind != NoteKind::Observation);
    if let Some(fault) = &mut view.fault
        && fault.stage == Stage::Probe
        && fault.side == FaultSide::Grader
    {
        fault.message = FAULT.to_owned();
        fault.place.clear();
        fault.hint.clear();
        fault.log.clear();
        fault.also.clear();
    }
}

/// Removes lines that the stack wrote while hidden probes ran: a server's log repeats the requests that it got.
fn without_logs(view: &mut Report) {
    let no_log = |evidence: &mut Vec<Evidence>| evidence.retain(|piece| !matches!(piece, Evidence::Log { .. }));
    view.criteria.iter_mut().flat_map(|criterion| &mut criterion.probes).for_each(|probe| no_log(&mut probe.evidence));
    view.red_flags.iter_mut().for_each(|flag| no_log(&mut flag.evidence));
    if let Some(fault) = &mut view.fault
        && matches!(fault.stage, Stage::Probe | Stage::Down | Stage::Report)
    {
        fault.log.clear();
        fault.also.iter_mut().for_each(|other| other.log.clear());
    }
}

/// Removes what is the reviewer's own: questions, the skill matrix, bindings with their proofs, and the seed, with
/// which the data of the next run could be foretold.
fn for_candidate(view: &mut Report) {
    view.questions.clear();
    view.matrix.clear();
    view.bindings.clear();
    view.notes.retain(|note| note.kind != NoteKind::Binding);
    view.submission.seed = 0;
    // What was said and why is the candidate's to know, who said it is not.
    for word in &mut view.overrides {
        A_REVIEWER.clone_into(&mut word.author);
    }
}

/// Replaces every hidden id that a text still quotes.
fn strike_out(view: Report, hidden: &HashSet<&str>) -> Result<Report, RenderError> {
    if hidden.is_empty() {
        return Ok(view);
    }
    // Longest first: `auth.token.secret` must go as a whole where `auth.token` is hidden too.
    let mut ids: Vec<&str> = hidden.iter().copied().filter(|id| !id.is_empty()).collect();
    ids.sort_by_key(|id| (std::cmp::Reverse(id.len()), *id));
    let mut value = serde_json::to_value(view)?;
    strike_out_value(&mut value, &ids);
    Ok(serde_json::from_value(value)?)
}

/// Members whose values are the model's own words, which no id may rewrite.
const VOCABULARY: [&str; 11] =
    ["kind", "level", "outcome", "schema", "side", "source", "stage", "state", "stopped_at", "verdict", "visibility"];

fn strike_out_value(value: &mut Value, ids: &[&str]) {
    match value {
        Value::String(text) => {
            for id in ids {
                if text.contains(id) {
                    *text = strike_out_text(text, id);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strike_out_value(item, ids)),
        Value::Object(members) => members
            .iter_mut()
            .filter(|(name, _)| !VOCABULARY.contains(&name.as_str()))
            .for_each(|(_, member)| strike_out_value(member, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces `id` in `text` where it stands as a word of its own: hiding `api.order` must not mangle the public
/// `api.order.total`, whose points the candidate may see.
fn strike_out_text(text: &str, id: &str) -> String {
    let mut struck = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(id) {
        let (before, after) = (&rest[..at], &rest[at + id.len()..]);
        struck.push_str(before);
        let joined_before = before.chars().next_back().or(struck.chars().next_back()).is_some_and(is_word);
        let mut following = after.chars();
        let joined_after = match following.next() {
            Some('.' | '-') => following.next().is_some_and(is_word),
            Some(c) => is_word(c),
            None => false,
        };
        struck.push_str(if joined_before || joined_after { id } else { STRUCK_OUT });
        rest = after;
    }
    struck.push_str(rest);
    struck
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::strike_out_text;

    #[test]
    fn an_id_is_struck_out_as_a_word_only() {
        assert_eq!(strike_out_text("behind auth.login.", "auth.login"), "behind (hidden).");
        assert_eq!(strike_out_text("auth.login-x auth.login", "auth.login"), "auth.login-x (hidden)");
        assert_eq!(strike_out_text("api.order.total", "api.order"), "api.order.total");
        assert_eq!(strike_out_text("\"auth.login\",xauth.login", "auth.login"), "\"(hidden)\",xauth.login");
    }
}
