//! `error.leaks`: no answer of the run shows the server's inside: no stack trace, no SQL, no path of its files, no debug
//! page (OWASP API8:2023).
//!
//! The API's own description and pages for people that are no errors are left out, and so is what a request of this run
//! had sent itself and got back. Paths count in refusals and breakdowns alone: a record may hold any text.
//! Planted defect: `error-leaks` of the Express submission.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::operation::encode_segment;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Stop};

use super::routes::Routes;
use harness_kit::leaks::{self, Leak};

pub(crate) struct Leaks;

/// Characters of a leak that a finding quotes.
const QUOTED: usize = 100;
/// Leaks that a finding lists.
const LISTED: usize = 8;
/// Exchanges that it shows.
const SHOWN: usize = 4;

#[async_trait]
impl Probe for Leaks {
    fn id(&self) -> &'static str {
        "error.leaks"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let exchanges = ctx.recorder().exchanges();
        let routes = Routes::of(ctx);
        // One leak of a kind at a route says it all.
        let mut found: BTreeMap<(Leak, String), (u32, String, Arc<Recorded>)> = BTreeMap::new();
        for exchange in exchanges.iter().filter(|exchange| may_leak(ctx, exchange)) {
            let said = leaks::words(&exchange.body);
            let leaks: Vec<(Leak, &str)> = leaks::find(&said).collect();
            // A trace is full of paths: one leak, not two.
            let is_traced = leaks.iter().any(|(leak, _)| *leak == Leak::StackTrace);
            for (leak, words) in leaks {
                let counts = leak != Leak::Path || (exchange.status >= 400 && !is_traced);
                let path = routes.name(&exchange.target);
                let place = (leak, format!("{} {path}", exchange.method));
                if counts && !found.contains_key(&place) && !was_sent(&exchanges, exchange.number, words) {
                    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
                    let quoted: String = words.chars().take(QUOTED).collect();
                    found.insert(place, (exchange.number, quoted, exchange.clone()));
                }
            }
        }
        let expected = "no stack trace, SQL, file path or debug page in any answer";
        if found.is_empty() {
            let answers = exchanges.iter().filter(|exchange| exchange.status != 0).count();
            if answers == 0 {
                return Err(Stop::blocked("api.operations", "nothing was answered"));
            }
            return Ok(Finding::pass(self.id(), "No answer of the run shows the server's inside")
                .expected(expected)
                .actual("none"));
        }
        let mut found: Vec<((Leak, String), (u32, String, Arc<Recorded>))> = found.into_iter().collect();
        found.sort_by_key(|(_, (number, _, _))| *number);
        let lines: Vec<String> = found
            .iter()
            .take(LISTED)
            .map(|((leak, place), (_, words, exchange))| {
                let words = ctx.recorder().named(words);
                format!("{place}, {}: {}: {words}", exchange.status, leak.said())
            })
            .collect();
        let mut kinds: Vec<Leak> = found.iter().map(|((leak, _), _)| *leak).collect();
        kinds.sort();
        kinds.dedup();
        let kinds: Vec<&str> = kinds.into_iter().map(Leak::said).collect();
        let shown = found.iter().map(|(_, (_, _, exchange))| exchange).take(SHOWN);
        Ok(Finding::fail(self.id(), format!("Answers show the server's inside: {}", kinds.join(", ")))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(shown.map(|exchange| ctx.recorder().evidence_of(exchange))))
    }
}

/// Whether an answer can leak anything: descriptions and pages say of themselves what they like, and the database's
/// complaint about injected SQL is the finding of the probe that injected it.
fn may_leak(ctx: &Context, exchange: &Recorded) -> bool {
    let is_page = exchange.header("content-type").is_some_and(|value| value.contains("html"));
    let is_known = exchange.sender == "auth.injection" && ctx.recorder().is_claimed(exchange.number);
    let start = exchange.body.trim_start();
    let is_description = exchange.status < 400
        && (start.starts_with("openapi:")
            || start.starts_with("swagger:")
            || start.chars().take(400).collect::<String>().contains("\"openapi\"")
            || start.chars().take(400).collect::<String>().contains("\"swagger\""));
    !exchange.body.is_empty() && !is_description && !is_known && (!is_page || exchange.status >= 400)
}

/// Whether a request up to that one carried the words itself.
fn was_sent(exchanges: &[Arc<Recorded>], number: u32, said: &str) -> bool {
    let encoded = encode_segment(said);
    let form = encoded.replace("%20", "+");
    exchanges.iter().take_while(|exchange| exchange.number <= number).any(|exchange| {
        exchange.target.contains(&encoded)
            || exchange.target.contains(&form)
            || exchange.target.contains(said)
            || exchange.request_body.contains(said)
            || leaks::words(&exchange.request_body).contains(said)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exchange(number: u32, target: &str, request: &str) -> Arc<Recorded> {
        Arc::new(Recorded {
            number,
            method: "POST".into(),
            target: target.into(),
            request_headers: Vec::new(),
            request_body: request.into(),
            status: 200,
            headers: Vec::new(),
            body: String::new(),
            cut: false,
            failure: None,
            elapsed: Duration::ZERO,
            sender: "test".into(),
        })
    }

    #[test]
    fn a_trace_inside_json_is_read_unescaped() {
        let body = r#"{"error":{"stack":"Error: x\n    at f (/app/a.js:1:2)"}}"#;
        assert!(leaks::find(&leaks::words(body)).any(|(leak, _)| leak == Leak::StackTrace));
    }

    #[test]
    fn what_was_sent_is_no_leak() {
        let words = "DELETE FROM things WHERE";
        assert!(was_sent(&[exchange(1, "/a", r#"{"x":"DELETE FROM things WHERE 1"}"#)], 2, words));
        assert!(was_sent(&[exchange(1, "/a?q=DELETE+FROM+things+WHERE", "")], 2, words));
        assert!(!was_sent(&[exchange(3, "/a", words)], 2, words));
        assert!(!was_sent(&[exchange(1, "/a", "{}")], 2, words));
    }
}
