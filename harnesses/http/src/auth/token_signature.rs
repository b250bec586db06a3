//! `auth.token.signature`: only a token that the server signed is let in (RFC 8725, JSON Web Token best current practices).
//!
//! The sound token is let in before and after. In between come forgeries that need no secret: no algorithm in several
//! spellings, no signature, a foreign one, a blank key, claims changed under the old signature, a public key taken for a
//! secret, and a header that says where the key is. One that is let in is a fail; all that were are named.
//! Planted defects: `auth-token-signature` of both submissions.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Probe, Stop};
use serde_json::{Value, json};

use super::forge;
use super::jwt::Token;
use super::support::{self, Guarded};

pub(crate) struct TokenSignature;

#[async_trait]
impl Probe for TokenSignature {
    fn id(&self) -> &'static str {
        "auth.token.signature"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let account = ctx.account().await?;
        support::jwt(&account.session)?;
        let mut values = ctx.values(self.id());
        let guarded = Guarded::find(ctx, &mut values).await?;
        let Some(token) = Token::parse(&guarded.session.token) else {
            return Err(Stop::not_applicable("the session that is let in is no JWT"));
        };
        let other = ctx.other_account().await.ok();
        let other_subject = other
            .as_ref()
            .and_then(|other| other.session.jwt())
            .and_then(|(_, claims)| claims.get("sub").cloned())
            .unwrap_or_else(|| json!("1"));
        let public_keys: Vec<&str> = ctx
            .facts()
            .secrets
            .iter()
            .map(|secret| secret.value.as_str())
            .filter(|value| value.contains("BEGIN PUBLIC KEY") || value.contains("BEGIN RSA PUBLIC KEY"))
            .collect();
        let forgeries = forge::all(&token, &other_subject, &public_keys);
        let recorder = ctx.recorder();
        let tried = forgeries.len();
        let mut accepted = Vec::new();
        for (number, forgery) in forgeries.into_iter().enumerate() {
            let session = guarded.session.with_token(&forgery.token);
            let answer = guarded.ask(ctx, &mut values, &session).await?;
            if answer.is_success() {
                recorder.name(&forgery.token, &format!("$TOKEN_FORGED_{}", number + 1));
                accepted.push((forgery, answer));
            }
        }
        let after = guarded.ask(ctx, &mut values, &guarded.session).await?;
        if !after.is_success() {
            let status = after.status_line();
            return Err(Stop::inconclusive(format!(
                "the sound token was let in before the forgeries, then answered {status}"
            )));
        }
        let expected = "401 Unauthorized for every forged token";
        if accepted.is_empty() {
            return Ok(Finding::pass(self.id(), format!("None of {tried} forged tokens is let in"))
                .expected(expected)
                .actual("401 Unauthorized for every forged token")
                .evidence(recorder.evidence(&guarded.sound)));
        }
        let lines: Vec<String> =
            accepted.iter().map(|(forgery, answer)| format!("{}: {}", forgery.what, answer.status_line())).collect();
        let first = &accepted[0].0;
        let recipe = format!(
            "the forged token: header {}, claims of the sound token ({}), {}",
            first.header,
            names(&token.claims),
            first.signature
        );
        Ok(Finding::fail(self.id(), format!("A forged token is let in: {}", first.what))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidence(Evidence::note(recipe))
            .evidences(accepted.iter().take(3).map(|(_, answer)| recorder.evidence(answer))))
    }
}

fn names(claims: &Value) -> String {
    let names: Vec<&str> =
        claims.as_object().into_iter().flat_map(|claims| claims.keys()).map(String::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_named_without_their_values() {
        assert_eq!(names(&json!({"sub": "7", "exp": 1})), "sub, exp");
    }
}
