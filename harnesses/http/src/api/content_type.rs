//! `api.content-type`: a JSON body says that it is one (`application/json`, or a `+json` type, RFC 8259 and 6839).
//!
//! Looks at the record of the whole run, so that every route and every error that any probe met counts. Bodies that
//! are no object or array are not held to be JSON: `ok` in plain text is no mistake.
//! Planted defect: `api-content-type` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Stop};
use serde_json::Value;

use super::routes;

/// Routes that a finding names.
const SHOWN: usize = 5;

pub(crate) struct ContentType;

#[async_trait]
impl Probe for ContentType {
    fn id(&self) -> &'static str {
        "api.content-type"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let recorder = ctx.recorder();
        let operations = routes::bound(ctx);
        let mut seen = 0;
        let mut wrong: Vec<(String, String, std::sync::Arc<Recorded>)> = Vec::new();
        for exchange in recorder.exchanges().into_iter().filter(|exchange| is_json(&exchange.body)) {
            seen += 1;
            if says_json(&exchange) {
                continue;
            }
            let route = routes::of_request(&operations, &exchange.method, &exchange.target);
            let says = exchange.header("content-type").unwrap_or("no content type").to_owned();
            if !wrong.iter().any(|(known, known_says, _)| *known == route && *known_says == says) {
                wrong.push((route, says, exchange));
            }
        }
        if seen == 0 {
            return Err(Stop::blocked("api.operations", "no answer of the whole run had a JSON body"));
        }
        let expected = "application/json, or a type that ends in +json";
        if wrong.is_empty() {
            return Ok(Finding::pass(self.id(), "Every JSON body of the run says that it is JSON").expected(expected));
        }
        let shown = wrong.iter().take(SHOWN);
        let lines: Vec<String> =
            shown.clone().map(|(route, says, _)| format!("{}: {says}", recorder.named(route))).collect();
        let evidence: Vec<_> = shown.map(|(_, _, exchange)| recorder.evidence_of(exchange)).collect();
        Ok(Finding::fail(self.id(), "JSON bodies come without a JSON content type")
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence))
    }
}

fn is_json(body: &str) -> bool {
    let body = body.trim();
    (body.starts_with('{') || body.starts_with('['))
        && serde_json::from_str::<Value>(body).is_ok_and(|value| value.is_object() || value.is_array())
}

/// As [`Recorded::says_json`], and `text/json`, which was never registered and misleads nobody.
fn says_json(exchange: &Recorded) -> bool {
    let is_text_json = exchange.header("content-type").is_some_and(|value| value.trim().starts_with("text/json"));
    exchange.says_json() || is_text_json
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn plain_words_are_no_json() {
        assert!(is_json(r#" {"a": 1}"#) && is_json("[]"));
        assert!(!is_json("ok") && !is_json("\"ok\"") && !is_json("12") && !is_json("{cut"));
    }
}
