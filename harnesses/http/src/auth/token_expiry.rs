//! `auth.token.expiry`: a JWT ends by itself (`exp`, RFC 7519, 4.1.4), and within the hours that the spec allows.
//!
//! Whether the server keeps to it cannot be seen without waiting it out; a library that reads `exp` does by default.
//! Planted defect: `auth-token-expiry` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Probe, Stop};
use serde_json::Value;

use super::support;

pub(crate) struct TokenExpiry;

/// Hours that a token may be valid where the spec names none.
const HOURS: u64 = 24;
/// Seconds by which clocks may differ, and the login may have taken.
const LEEWAY: f64 = 120.0;

#[async_trait]
impl Probe for TokenExpiry {
    fn id(&self) -> &'static str {
        "auth.token.expiry"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let account = ctx.account().await?;
        let (_, claims) = support::jwt(&account.session)?;
        let hours = ctx.param(self.id(), "max_hours", HOURS);
        let expected = format!("`exp` within {hours} h");
        let finding = match lifetime(&claims, support::date_of(&account.login)) {
            Lifetime::Endless => {
                Finding::fail(self.id(), "The token has no `exp`: it is valid for ever").actual("no `exp`")
            }
            Lifetime::Unreadable => {
                Finding::fail(self.id(), "The token's `exp` is not a time in seconds, so it never comes")
                    .actual("an `exp` that is no time in seconds")
            }
            Lifetime::Seconds(seconds) => {
                #[expect(clippy::cast_precision_loss, reason = "hours that a spec names")]
                let allowed = hours as f64 * 3600.0;
                let actual = format!("`exp` after {}", spoken(seconds));
                if seconds <= allowed + LEEWAY {
                    Finding::pass(self.id(), format!("The token ends after {}", spoken(seconds))).actual(actual)
                } else {
                    Finding::fail(self.id(), format!("The token is valid for {}", spoken(seconds))).actual(actual)
                }
            }
        };
        let names: Vec<&String> = claims.as_object().into_iter().flat_map(|claims| claims.keys()).collect();
        let names = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        Ok(finding
            .expected(expected)
            .evidence(ctx.recorder().evidence(&account.login))
            .evidence(Evidence::note(format!("claims of the token: {names}"))))
    }
}

#[derive(Debug, PartialEq)]
enum Lifetime {
    Endless,
    Unreadable,
    Seconds(f64),
}

/// From `iat` (or else the answer's date) to `exp`.
fn lifetime(claims: &Value, answered: f64) -> Lifetime {
    let Some(exp) = claims.get("exp").filter(|exp| !exp.is_null()) else { return Lifetime::Endless };
    let Some(exp) = exp.as_f64() else { return Lifetime::Unreadable };
    // In milliseconds it lies millennia ahead, and a library reads it as seconds.
    if exp > 1e11 {
        return Lifetime::Unreadable;
    }
    let from = claims.get("iat").and_then(Value::as_f64).filter(|iat| (iat - answered).abs() < 86_400.0);
    Lifetime::Seconds(exp - from.unwrap_or(answered))
}

/// A duration as people say it, coarse enough to be the same in every run.
fn spoken(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round();
    if minutes < 120.0 {
        format!("{minutes} min")
    } else if minutes < 2880.0 {
        format!("{} h", (minutes / 60.0).round())
    } else {
        format!("{} days", (minutes / 1440.0).round())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lifetime_is_counted_from_the_issue() {
        assert_eq!(lifetime(&json!({"iat": 1000, "exp": 4600}), 1010.0), Lifetime::Seconds(3600.0));
        assert_eq!(lifetime(&json!({"exp": 4610}), 1010.0), Lifetime::Seconds(3600.0));
        // An `iat` far from the answer's date would make a long life look short.
        assert_eq!(lifetime(&json!({"iat": 900_000, "exp": 900_060}), 1000.0), Lifetime::Seconds(899_060.0));
        assert_eq!(lifetime(&json!({"sub": "1"}), 0.0), Lifetime::Endless);
        assert_eq!(lifetime(&json!({"exp": 1_900_000_000_000_u64}), 1.9e9), Lifetime::Unreadable);
        assert_eq!(lifetime(&json!({"exp": "soon"}), 0.0), Lifetime::Unreadable);
    }

    #[test]
    fn durations_are_said_coarsely() {
        assert_eq!(spoken(1799.6), "30 min");
        assert_eq!(spoken(86_400.0), "24 h");
        assert_eq!(spoken(30.0 * 86_400.0), "30 days");
    }
}
