//! The report as SARIF 2.1.0 (OASIS): a rule per probe, a result per defect, its files as locations.
//!
//! A defect that shows at the API and in no file is placed at the root of the tree, with the request as a logical
//! location, since readers refuse a result without a place.

use grader_model::{
    Evidence, Fault, FaultSide, MatrixCell, Outcome, ProbeReport, Question, Report, ReviewerWord, Verdict,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::digest::{Ranked, View, override_change};
use crate::number::decimal;
use crate::options::RenderError;
use crate::text::{break_commands, cut, sentence};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const ROOT: &str = "SUBMISSION";
/// What RFC 3986 lets stand in a path segment without a meaning of its own, and the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) fn render(view: &View<'_>) -> Result<String, RenderError> {
    let report: &Report = &view.report;
    let ranked: Vec<_> = view.ranked().collect();
    let rules: Vec<_> = ranked.iter().map(|ranked| rule(ranked)).collect();
    let results: Vec<_> = ranked
        .iter()
        .enumerate()
        .filter(|(_, ranked)| ranked.probe.verdict.is_negative())
        .map(|(index, ranked)| result(index, ranked))
        .collect();
    let faults: Vec<_> =
        report.fault.iter().flat_map(|fault| std::iter::once(fault).chain(&fault.also)).map(notification).collect();
    let mut log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "grader",
                "version": text(&report.tool.version),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { ROOT: { "description": message("the root of the graded tree") } },
            "invocations": [{
                "executionSuccessful": matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart),
                "toolExecutionNotifications": faults,
            }],
            "properties": {
                "outcome": report.outcome,
                "percent": report.score.percent,
                "spec": text(&format!("{} {}", report.spec.id, report.spec.version)),
                "level": report.spec.level,
                "commit": text(&report.submission.commit),
            },
            "results": results,
        }],
    });
    // A candidate's view has neither.
    if !report.matrix.is_empty() {
        log["runs"][0]["properties"]["skills"] = report.matrix.iter().map(skill).collect();
    }
    if !report.questions.is_empty() {
        log["runs"][0]["properties"]["questions"] = report.questions.iter().map(question).collect();
    }
    if !report.overrides.is_empty() {
        log["runs"][0]["properties"]["overrides"] = report.overrides.iter().map(override_).collect();
    }
    let mut json = crate::json::inert(&serde_json::to_string_pretty(&log)?);
    json.push('\n');
    Ok(json)
}

fn skill(cell: &MatrixCell) -> Value {
    json!({
        "area": text(&cell.area),
        "level": cell.level,
        "stoppedAt": cell.stopped_at,
        "decidedBy": cell.decided_by.iter().map(|id| text(id)).collect::<Vec<_>>(),
    })
}

fn question(question: &Question) -> Value {
    json!({
        "area": text(&question.area),
        "level": question.level,
        "question": text(&question.question),
        "seen": text(&question.seen),
        "strong": text(&question.strong),
        "weak": text(&question.weak),
        "because": question.because.iter().map(|id| text(id)).collect::<Vec<_>>(),
    })
}

fn override_(word: &ReviewerWord) -> Value {
    json!({
        "probe": text(&word.probe),
        "change": text(&override_change(word)),
        "state": word.state,
        "reason": text(&word.reason),
        "author": text(&word.author),
    })
}

fn rule(ranked: &Ranked<'_>) -> Value {
    let probe = ranked.probe;
    json!({
        "id": text(&probe.id),
        "shortDescription": message(&probe.title),
        "defaultConfiguration": { "level": "error" },
        "properties": {
            "criterion": text(&ranked.criterion.title),
            "level": probe.level,
            "tags": [text(&ranked.criterion.id)],
        },
    })
}

fn result(rule: usize, ranked: &Ranked<'_>) -> Value {
    let probe = ranked.probe;
    let level = match probe.verdict {
        _ if !probe.counts => "note",
        Verdict::Fail => "error",
        _ => "warning",
    };
    let mut places: Vec<Value> = probe.evidence.iter().filter_map(file).collect();
    let requests: Vec<Value> = probe.evidence.iter().filter_map(request).take(5).collect();
    if places.is_empty() {
        let mut root = json!({ "physicalLocation": { "artifactLocation": { "uri": ".", "uriBaseId": ROOT } } });
        if !requests.is_empty() {
            root["logicalLocations"] = Value::from(requests);
        }
        places.push(root);
    }
    let related: Vec<Value> = places.split_off(1);
    json!({
        "ruleId": text(&probe.id),
        "ruleIndex": rule,
        "level": level,
        "message": message(&words(probe)),
        "locations": places,
        "relatedLocations": related,
        "partialFingerprints": { "probe/v1": text(&probe.id) },
        "properties": { "verdict": probe.verdict, "lost": (ranked.lost * 100.0).round() / 100.0 },
    })
}

fn words(probe: &ProbeReport) -> String {
    let mut words = sentence(&probe.summary);
    for (name, value) in [("Expected", &probe.expected), ("actual", &probe.actual)] {
        if !value.is_empty() {
            words.push_str(&format!(" {name}: {}.", sentence(&cut(value, 300)).trim_end_matches('.')));
        }
    }
    words.push_str(&format!(" ({} of {} points)", decimal(probe.earned), decimal(probe.points)));
    words
}

fn file(evidence: &Evidence) -> Option<Value> {
    let Evidence::File { path, line, excerpt } = evidence else { return None };
    let path = text(path);
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        return None;
    }
    let uri = utf8_percent_encode(path, PATH).to_string();
    let mut place = json!({ "artifactLocation": { "uri": uri, "uriBaseId": ROOT } });
    // SARIF counts lines from 1, as evidence does; a zero would make the whole file unreadable.
    if let Some(line) = line.filter(|line| *line > 0) {
        place["region"] = json!({ "startLine": line });
        if !excerpt.is_empty() {
            place["region"]["snippet"] = json!({ "text": block(excerpt) });
        }
    }
    Some(json!({ "physicalLocation": place }))
}

fn request(evidence: &Evidence) -> Option<Value> {
    let Evidence::Exchange(exchange) = evidence else { return None };
    let name = text(&format!("{} {}", exchange.request.method, exchange.request.target));
    Some(json!({ "name": name, "kind": "resource" }))
}

fn notification(fault: &Fault) -> Value {
    let level = if fault.side == FaultSide::Drift { "warning" } else { "error" };
    json!({
        "level": level,
        "message": message(&fault.to_string()),
        "descriptor": { "id": text(&fault.code) },
    })
}

/// A message in plain text. SARIF reads `[text](1)` in plain messages as a link and braces as placeholders.
fn message(text: &str) -> Value {
    let text = self::text(text).replace('{', "{{").replace('}', "}}").replace('[', "\\[").replace(']', "\\]");
    json!({ "text": text })
}

fn text(text: &str) -> String {
    break_commands(&sentence(text)).into_owned()
}

fn block(text: &str) -> String {
    break_commands(&crate::text::block(text)).into_owned()
}
