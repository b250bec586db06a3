//! `auth.token.contents`: a JWT's claims are readable by everybody who holds it, so that no password, hash or other secret
//! belongs there.
//!
//! Planted defect: `auth-token-contents` of the FastAPI submission.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Probe, Stop, wire};
use serde_json::Value;

use super::{hashes, support};

pub(crate) struct TokenContents;

#[async_trait]
impl Probe for TokenContents {
    fn id(&self) -> &'static str {
        "auth.token.contents"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let account = ctx.account().await?;
        let (header, claims) = support::jwt(&account.session)?;
        let mut found = Vec::new();
        for part in [&header, &claims] {
            secrets_in(part, "", &account.password, &mut found);
        }
        let names: Vec<String> = claims.as_object().into_iter().flat_map(|claims| claims.keys().cloned()).collect();
        let names = names.join(", ");
        let evidence = ctx.recorder().evidence(&account.login);
        let finding = if found.is_empty() {
            Finding::pass(self.id(), "The token carries no secret").actual(format!("claims: {names}"))
        } else {
            Finding::fail(self.id(), format!("The token carries {}", found[0])).actual(found.join("\n"))
        };
        Ok(finding
            .expected("claims without a password, a hash or another secret")
            .evidence(evidence)
            .evidence(Evidence::note(format!("claims of the token, which anybody can decode: {names}"))))
    }
}

/// Collects what must not be readable, each as words that say what and where.
fn secrets_in(value: &Value, place: &str, password: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                secrets_in(value, &place, password, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets_in(item, place, password, found)),
        Value::String(text) => {
            let encoded = [STANDARD.encode(password), URL_SAFE_NO_PAD.encode(password)];
            let name = wire::plain(place.rsplit('.').next().unwrap_or(place));
            if text.contains(password) {
                found.push(format!("the password in clear, as `{place}`"));
            } else if encoded.iter().any(|encoded| text.contains(encoded.as_str())) {
                found.push(format!("the password in base64, as `{place}`"));
            } else if let Some(kind) = hashes::find(text) {
                found.push(format!("a hash ({kind}), as `{place}`"));
            } else if hashes::is_password_name(&name) && hashes::looks_hashed(text) {
                found.push(format!("what looks like a hash of the password, as `{place}`"));
            } else if is_secret_name(&name) && !text.is_empty() {
                found.push(format!("a secret, as `{place}`"));
            }
        }
        _ => {}
    }
}

fn is_secret_name(plain: &str) -> bool {
    matches!(
        plain,
        "secret" | "jwtsecret" | "privatekey" | "apikey" | "secretkey" | "pin" | "ssn" | "creditcard" | "salt"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(claims: &Value) -> Vec<String> {
        let mut found = Vec::new();
        secrets_in(claims, "", "Quiet-Amber-12-x!", &mut found);
        found
    }

    #[test]
    fn customary_claims_are_no_secrets() {
        let claims = json!({"sub": "7", "email": "a@example.com", "role": "user", "iat": 1, "exp": 2,
            "jti": "0123456789abcdef0123456789abcdef", "pwd_reset": "no", "password_changed_at": "2030-06-15"});
        assert_eq!(found(&claims), Vec::<String>::new());
    }

    #[test]
    fn passwords_and_hashes_are() {
        assert_eq!(found(&json!({"user": {"pw": "Quiet-Amber-12-x!"}})), ["the password in clear, as `user.pw`"]);
        assert_eq!(found(&json!({"p": STANDARD.encode("Quiet-Amber-12-x!")})), ["the password in base64, as `p`"]);
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        assert_eq!(found(&json!({"user": [{"hash": bcrypt}]})), ["a hash (bcrypt), as `user.hash`"]);
        let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
        assert_eq!(found(&json!({"password": md5})), ["what looks like a hash of the password, as `password`"]);
    }
}
