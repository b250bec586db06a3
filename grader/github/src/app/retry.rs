//! What follows from a request that did not succeed: a pure judgement, so that every limit can be tried without one.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;

use super::client::{ATTEMPTS, GithubError, Pace, Repeat, refused};

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no whole answer; `sent` where the request may have been carried out.
    Lost { sent: bool, reason: String },
    /// GitHub answered.
    Answered { status: StatusCode, limit: Option<Limit>, message: String },
}

/// What an answer says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Wait this many seconds.
    After(u64),
    /// Wait until this Unix time.
    Until(i64),
    /// Wait, and see for yourself how long.
    Unsaid,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    Fail,
    /// Send it again after this pause.
    Repeat(Duration),
    /// Nothing may be sent for this long.
    Limited(Duration),
}

impl Refusal {
    pub(super) fn unsent_or_lost(error: reqwest::Error) -> Self {
        Refusal::Lost { sent: !error.is_connect(), reason: error.without_url().to_string() }
    }

    pub(super) fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Trouble {
            #[serde(default)]
            message: String,
        }
        let message = serde_json::from_slice::<Trouble>(body).map(|it| it.message).unwrap_or_default();
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let limit = if !matches!(status.as_u16(), 403 | 429) {
            None
        } else if let Some(seconds) = number(RETRY_AFTER.as_str()) {
            Some(Limit::After(seconds.max(0).unsigned_abs()))
        } else if number("x-ratelimit-remaining") == Some(0) {
            Some(number("x-ratelimit-reset").map_or(Limit::Unsaid, Limit::Until))
        } else if status.as_u16() == 429 || message.to_ascii_lowercase().contains("secondary rate limit") {
            Some(Limit::Unsaid)
        } else {
            None
        };
        Refusal::Answered { status, limit, message }
    }

    pub(super) fn error(self, what: String) -> GithubError {
        match self {
            Refusal::Lost { reason, .. } => GithubError::Unanswered { what, reason },
            Refusal::Answered { limit: Some(_), .. } => GithubError::RateLimited { what, seconds: 0 },
            Refusal::Answered { status, message, .. } if status.is_server_error() => {
                GithubError::Unanswered { what, reason: format!("{} {message}", status.as_u16()) }
            }
            Refusal::Answered { status, message, .. } => refused(what, status, &message),
        }
    }
}

/// Judges the `attempt`-th failure, from 1.
pub(super) fn judge(refusal: &Refusal, repeat: Repeat, attempt: u32, pace: &Pace, now: OffsetDateTime) -> Judgement {
    if attempt >= ATTEMPTS {
        return Judgement::Fail;
    }
    let doubled = |first: Duration| first.saturating_mul(1 << (attempt - 1).min(10));
    match refusal {
        // A limited request was not carried out, so even one that makes something may be sent again.
        Refusal::Answered { limit: Some(limit), .. } => Judgement::Limited(match limit {
            Limit::After(seconds) => Duration::from_secs(*seconds),
            // The second that it names has to be over.
            Limit::Until(at) => Duration::from_secs((at - now.unix_timestamp() + 1).max(1).unsigned_abs()),
            Limit::Unsaid => doubled(pace.secondary),
        }),
        Refusal::Lost { sent: false, .. } => Judgement::Repeat(doubled(pace.pause)),
        Refusal::Lost { sent: true, .. } if repeat == Repeat::Freely => Judgement::Repeat(doubled(pace.pause)),
        Refusal::Answered { status, .. } if status.is_server_error() && repeat == Repeat::Freely => {
            Judgement::Repeat(doubled(pace.pause))
        }
        Refusal::Lost { .. } | Refusal::Answered { .. } => Judgement::Fail,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn answered(status: u16, headers: &[(&'static str, String)], body: &str) -> Refusal {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Refusal::answered(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    fn judged(refusal: &Refusal, repeat: Repeat, attempt: u32) -> Judgement {
        judge(refusal, repeat, attempt, &Pace::default(), NOW)
    }

    #[test]
    fn limits_are_waited_for_whatever_is_asked() {
        let after = |seconds| Judgement::Limited(Duration::from_secs(seconds));
        let reset = (NOW.unix_timestamp() + 90).to_string();
        let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
        for (refusal, first, second) in [
            (answered(403, &[("retry-after", "30".into())], "{}"), after(30), after(30)),
            (
                answered(429, &[("x-ratelimit-remaining", "0".into()), ("x-ratelimit-reset", reset)], "{}"),
                after(91),
                after(91),
            ),
            // The one that octocrab's retry fails on.
            (answered(403, &[("x-ratelimit-remaining", "4999".into())], secondary), after(60), after(120)),
            (answered(429, &[], "no JSON"), after(60), after(120)),
        ] {
            for repeat in [Repeat::Freely, Repeat::IfUndone] {
                assert_eq!(judged(&refusal, repeat, 1), first);
                assert_eq!(judged(&refusal, repeat, 2), second);
            }
            assert_eq!(judged(&refusal, Repeat::Freely, ATTEMPTS), Judgement::Fail);
        }
    }

    #[test]
    fn what_makes_something_is_not_sent_twice() {
        let lost = Refusal::Lost { sent: true, reason: String::new() };
        let unsent = Refusal::Lost { sent: false, reason: String::new() };
        for refusal in [&lost, &answered(502, &[], "")] {
            assert_eq!(judged(refusal, Repeat::IfUndone, 1), Judgement::Fail);
            assert!(matches!(judged(refusal, Repeat::Freely, 1), Judgement::Repeat(_)));
        }
        assert!(matches!(judged(&unsent, Repeat::IfUndone, 1), Judgement::Repeat(_)));
    }

    #[test]
    fn a_no_is_a_no() {
        for status in [400, 401, 403, 404, 410, 422] {
            assert_eq!(judged(&answered(status, &[], r#"{"message":"no"}"#), Repeat::Freely, 1), Judgement::Fail);
        }
    }
}
