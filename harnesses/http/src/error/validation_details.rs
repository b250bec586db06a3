//! `error.validation.details`: a refusal says which field it is about, so that a form can show it beside the field.
//!
//! The name may stand anywhere in the answer, as the submission or as the spec spells it: in a list of errors, as a key,
//! in a sentence. Two things are no naming: the `title` of a problem document (RFC 9457), and the request's own body
//! repeated whole. What is not refused at all is `error.validation`'s finding.
//! Planted defect: `error-validation-details` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Phase, Probe, Stop, wire};
use serde_json::Value;

use super::cases::{self, Case, Flaw};
use super::support::{Sound, evidence, send, share};

pub(crate) struct ValidationDetails;

/// Members that a problem document has for itself.
const PROBLEM: &[&str] = &["type", "title", "status", "detail", "instance"];
/// Words of one sentence that are read together as a name.
const LONGEST_NAME: usize = 3;

#[async_trait]
impl Probe for ValidationDetails {
    fn id(&self) -> &'static str {
        "error.validation.details"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let sound = Sound::begin(ctx, &mut values).await?;
        let mut refused: Vec<(Case, Answer)> = Vec::new();
        for case in cases::creates(&sound, &mut values)? {
            // One refusal a field is enough; what is too long may be refused before anybody reads it.
            if case.flaw == Flaw::Long || refused.iter().any(|(known, _)| known.field == case.field) {
                continue;
            }
            let answer = send(ctx, case.request.clone()).await?;
            sound.discard(ctx, &answer).await;
            if matches!(answer.status(), 400 | 422) {
                refused.push((case, answer));
            }
        }
        if refused.is_empty() {
            return Err(Stop::blocked("error.validation", "no flawed body is refused, so no refusal can name a field"));
        }
        let unnamed: Vec<&(Case, Answer)> =
            refused.iter().filter(|(case, answer)| !names(answer, &[&case.name, &case.field])).collect();
        let expected = "the offending field's name in the answer";
        if unnamed.is_empty() {
            return Ok(Finding::pass(self.id(), format!("Refusals of {} fields name the field", refused.len()))
                .expected(expected)
                .actual(expected)
                .evidences(evidence(ctx, refused.iter().map(|(_, answer)| answer), 1)));
        }
        let lines: Vec<String> = unnamed
            .iter()
            .map(|(case, answer)| format!("{}: {} without its name", case.what, answer.status_line()))
            .collect();
        let summary = format!("{} of {} refusals do not name the offending field", unnamed.len(), refused.len());
        Ok(Finding::partial(self.id(), share(refused.len() - unnamed.len(), refused.len()), summary)
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence(ctx, unnamed.iter().map(|(_, answer)| answer), 3)))
    }
}

fn names(answer: &Answer, fields: &[&str]) -> bool {
    let fields: Vec<String> = fields.iter().map(|field| wire::plain(field)).collect();
    let sent = serde_json::from_str::<Value>(&answer.record().request_body).unwrap_or_default();
    match answer.json() {
        Some(body) => value_names(body, &sent, &fields),
        None => text_names(&answer.text(), &fields),
    }
}

fn value_names(value: &Value, sent: &Value, fields: &[String]) -> bool {
    match value {
        Value::String(text) => text_names(text, fields),
        Value::Array(items) => items.iter().any(|item| value_names(item, sent, fields)),
        Value::Object(_) if value == sent => false,
        Value::Object(members) => {
            let is_problem = members.keys().filter(|key| PROBLEM.contains(&key.as_str())).count() > 1;
            members.iter().any(|(key, value)| {
                let is_own = is_problem && PROBLEM.contains(&key.as_str());
                (!is_own && fields.contains(&wire::plain(key))) || value_names(value, sent, fields)
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a name stands in a text, written together, with separators or as words of a sentence.
fn text_names(text: &str, fields: &[String]) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(wire::plain)
        .filter(|word| !word.is_empty())
        .collect();
    (1..=LONGEST_NAME).any(|size| words.windows(size).any(|window| fields.contains(&window.concat())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn says(body: &Value, sent: &Value, field: &str) -> bool {
        value_names(body, sent, &[wire::plain(field)])
    }

    #[test]
    fn fields_are_named_in_many_ways() {
        let sent = json!({"title": {}, "unit_cost": 1});
        assert!(says(&json!({"errors": [{"field": "title", "message": "Invalid"}]}), &sent, "title"));
        assert!(says(&json!({"detail": [{"loc": ["body", "title"], "msg": "Field required"}]}), &sent, "title"));
        assert!(says(&json!({"title": ["This field is required."]}), &sent, "title"));
        assert!(says(&json!({"message": "Unit cost must not be negative"}), &sent, "unit_cost"));
        assert!(says(&json!({"errors": {"unitCost": "too low"}}), &sent, "unit_cost"));
        assert!(says(&json!({"errors": [{"pointer": "#/items/0/unit_cost"}]}), &sent, "unit_cost"));
    }

    #[test]
    fn a_problems_own_title_and_an_echo_name_nothing() {
        let sent = json!({"title": {}, "unit_cost": 1});
        let problem = json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Invalid input."});
        assert!(!says(&problem, &sent, "title"));
        assert!(!says(&json!({"message": "Invalid", "input": sent}), &sent, "title"));
        assert!(!says(&json!({"error": {"code": "VALIDATION_FAILED", "details": []}}), &sent, "title"));
    }
}
