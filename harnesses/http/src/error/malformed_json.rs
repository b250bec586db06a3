//! `error.malformed-json`: a body that breaks off is the client's mistake, 400 (RFC 9110, 15.5.1); 422 is accepted.
//!
//! The same body whole succeeds first, under the same content type and session: what is refused afterwards is refused for
//! being cut. 415 is no right answer, for the type is the right one. Two cuts are tried, since parsers fail at different
//! places: in the middle of a value and before the last brace.
//! Planted defect: `error-malformed-json` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};
use serde_json::Value;

use super::support::{Sound, evidence, send, share};

pub(crate) struct MalformedJson;

#[async_trait]
impl Probe for MalformedJson {
    fn id(&self) -> &'static str {
        "error.malformed-json"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let sound = Sound::begin_json(ctx, &mut values).await?;
        let whole = Value::Object(sound.body(&mut values)?).to_string();
        let control = send(ctx, sound.raw("application/json", whole)?).await?;
        if !control.is_success() {
            let status = control.status_line();
            return Err(Stop::inconclusive(format!("the same body whole, sent as bytes, is answered {status}")));
        }
        let mut seen = Vec::new();
        for (what, cut) in [("in the middle of a value", middle as fn(&str) -> String), ("before its last brace", last)]
        {
            let text = cut(&Value::Object(sound.body(&mut values)?).to_string());
            let answer = send(ctx, sound.raw("application/json", text)?).await?;
            sound.discard(ctx, &answer).await;
            seen.push((what, answer));
        }
        let wrong: Vec<_> = seen.iter().filter(|(_, answer)| !matches!(answer.status(), 400 | 422)).collect();
        let lines = |cases: &[&(&str, harness_kit::Answer)]| {
            let lines: Vec<String> =
                cases.iter().map(|(what, answer)| format!("cut {what}: {}", answer.status_line())).collect();
            lines.join("\n")
        };
        let expected = "400 Bad Request (422 is accepted)";
        if wrong.is_empty() {
            let all: Vec<_> = seen.iter().collect();
            return Ok(Finding::pass(self.id(), "A body that breaks off is refused as the client's mistake")
                .expected(expected)
                .actual(lines(&all))
                .evidences(evidence(ctx, seen.iter().map(|(_, answer)| answer), 1)));
        }
        let summary = format!("A body that breaks off is answered {}", wrong[0].1.status_line());
        Ok(Finding::partial(self.id(), share(seen.len() - wrong.len(), seen.len()), summary)
            .expected(expected)
            .actual(lines(&wrong))
            .evidences(evidence(ctx, wrong.iter().map(|(_, answer)| answer), 2)))
    }
}

/// About half of the text, so that it ends within a member.
fn middle(whole: &str) -> String {
    whole.chars().take(whole.chars().count() / 2).collect()
}

fn last(whole: &str) -> String {
    whole.strip_suffix('}').unwrap_or(whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cut_leaves_a_document() {
        let whole = r#"{"label":"Ämber","amount":1.5}"#;
        for cut in [middle, last] {
            assert!(serde_json::from_str::<Value>(&cut(whole)).is_err());
        }
    }
}
