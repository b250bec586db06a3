//! `auth.enumeration`: an unknown user and a wrong password get the same answer, so that nobody learns who has an account
//! (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
//!
//! Two wrong passwords of one account are compared first: what differs between them (a request's id, a time, a count of
//! attempts left) says nothing. Times are not compared: over a network they decide nothing reliably.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::account::find_session;
use harness_kit::bind::sign_in_request;
use harness_kit::{Answer, Context, Probe, Stop};
use serde_json::Value;

pub(crate) struct Enumeration;

#[async_trait]
impl Probe for Enumeration {
    fn id(&self) -> &'static str {
        "auth.enumeration"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        // The second account: the first one's attempts belong to `auth.login`.
        let account = ctx.other_account().await?;
        let mut values = ctx.values(self.id());
        let (first, second, unknown) = (values.password(), values.password(), stranger(ctx, &mut values));
        let known = ctx.send_auth(sign_in_request(ctx, &account.identity, &first)?).await?;
        let again = ctx.send_auth(sign_in_request(ctx, &account.identity, &second)?).await?;
        let stranger = ctx.send_auth(sign_in_request(ctx, &unknown, &first)?).await?;
        if known.is_success() && find_session(&known).is_some() {
            return Err(Stop::blocked("auth.login", format!("a wrong password is answered {}", known.status_line())));
        }
        let known_says = Said::of(&known, &account.identity);
        let again_says = Said::of(&again, &account.identity);
        let stranger_says = Said::of(&stranger, &unknown);
        let recorder = ctx.recorder();
        let expected = format!("wrong password and unknown user alike: {}", known.status_line());
        let finding = match stranger_says.differs(&known_says, &again_says) {
            None => Finding::pass(self.id(), "An unknown user and a wrong password get the same answer")
                .actual(format!("wrong password and unknown user alike: {}", stranger.status_line())),
            Some(difference) => Finding::fail(self.id(), "The login tells who has an account").actual(format!(
                "wrong password: {}, unknown user: {}{difference}",
                known.status_line(),
                stranger.status_line()
            )),
        };
        Ok(finding.expected(expected).evidence(recorder.evidence(&known)).evidence(recorder.evidence(&stranger)))
    }
}

/// An identity of the right form that nobody has.
fn stranger(ctx: &Context, values: &mut harness_kit::Values) -> String {
    let accounts = &ctx.spec().domain.accounts;
    let made = accounts.fields.get(&accounts.identity).map(|field| values.field(field));
    made.as_ref().and_then(harness_kit::wire::text).unwrap_or_else(|| values.email())
}

/// What an answer says, without what it only repeats of the request.
struct Said {
    status: u16,
    leaves: Vec<(String, String)>,
}

impl Said {
    fn of(answer: &Answer, identity: &str) -> Self {
        let mut leaves = Vec::new();
        match answer.json() {
            Some(body) => collect(body, String::new(), identity, &mut leaves),
            None => leaves.push((String::new(), without(&answer.text(), identity))),
        }
        Said { status: answer.status(), leaves }
    }

    /// In what this answer differs from one to a known account, given another one of the same kind to tell what is
    /// volatile; `None` where nothing does.
    fn differs(&self, known: &Said, again: &Said) -> Option<String> {
        if self.status != known.status {
            return Some(String::new());
        }
        let value = |said: &Said, place: &str| said.leaves.iter().find(|(at, _)| at == place).map(|(_, v)| v.clone());
        let places = known.leaves.iter().chain(&self.leaves).map(|(place, _)| place);
        for place in places {
            let (one, two, mine) = (value(known, place), value(again, place), value(self, place));
            let is_volatile = one != two;
            if !is_volatile && mine != one {
                let show =
                    |value: Option<String>| value.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"));
                let place = if place.is_empty() { "the body" } else { place };
                return Some(format!("; {place} says {} and {}", show(one), show(mine)));
            }
        }
        None
    }
}

fn collect(value: &Value, place: String, identity: &str, leaves: &mut Vec<(String, String)>) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                // Names under which a time or a request's id goes: they can be equal by chance within one second.
                let is_volatile = matches!(
                    harness_kit::wire::plain(name).as_str(),
                    "timestamp" | "time" | "date" | "requestid" | "traceid" | "correlationid" | "instance"
                );
                if !is_volatile {
                    collect(value, below(name), identity, leaves);
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, below(&index.to_string()), identity, leaves);
            }
        }
        leaf => leaves.push((place, without(leaf.as_str().unwrap_or(&leaf.to_string()), identity))),
    }
}

fn without(text: &str, identity: &str) -> String {
    text.replace(identity, "(who)")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(status: u16, body: &Value, identity: &str) -> Said {
        let mut leaves = Vec::new();
        collect(body, String::new(), identity, &mut leaves);
        Said { status, leaves }
    }

    #[test]
    fn the_same_words_are_no_difference() {
        let one = said(401, &json!({"error": "no such pair for a@x", "timestamp": "1", "left": 4}), "a@x");
        let two = said(401, &json!({"error": "no such pair for a@x", "timestamp": "1", "left": 3}), "a@x");
        let other = said(401, &json!({"error": "no such pair for b@x", "timestamp": "2", "left": 5}), "b@x");
        assert_eq!(other.differs(&one, &two), None);
    }

    #[test]
    fn other_words_status_or_members_are() {
        let one = said(401, &json!({"error": "wrong password"}), "a@x");
        let status = said(404, &json!({"error": "wrong password"}), "b@x");
        let words = said(401, &json!({"error": "no such user"}), "b@x");
        let member = said(401, &json!({"error": "wrong password", "hint": "register"}), "b@x");
        assert!(status.differs(&one, &one).is_some());
        assert_eq!(words.differs(&one, &one).as_deref(), Some("; error says `wrong password` and `no such user`"));
        assert!(member.differs(&one, &one).is_some());
    }
}
