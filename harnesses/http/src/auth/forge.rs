//! Tokens that a server must refuse, made from a sound one without its secret.

use serde_json::{Value, json};

use super::jwt::{Algorithm, Token, sign, signing_input};

/// A forged token and how it was made.
pub(super) struct Forgery {
    pub(super) what: String,
    pub(super) token: String,
    pub(super) header: Value,
    /// Where the signature comes from, in words.
    pub(super) signature: &'static str,
}

/// A key that no server has.
const FOREIGN: &[u8] = b"a key that the server has never seen, made up for this one forgery";

/// Every forgery for `token`. `other_subject` is a subject that its holder is not; `public_keys` are what the submission
/// publishes, each a PEM text.
pub(super) fn all(token: &Token, other_subject: &Value, public_keys: &[&str]) -> Vec<Forgery> {
    let mut all = unsigned(token);
    all.extend(changed(token, other_subject));
    all.extend(signed(token));
    all.extend(pointed(token));
    let header = with(&token.header, &[("alg", json!("HS256"))]);
    for key in public_keys {
        all.push(Forgery {
            what: "the public key taken for an HMAC secret".to_owned(),
            token: sign(&header, &token.claims, Algorithm::Hs256, key.as_bytes()),
            header: header.clone(),
            signature: "HMAC with the text of the public key",
        });
    }
    all
}

/// No algorithm (RFC 7518, 3.6) in the spellings that filters miss, and no signature.
fn unsigned(token: &Token) -> Vec<Forgery> {
    let mut all = Vec::new();
    for spelling in ["none", "None", "NONE", "nOnE"] {
        let header = with(&token.header, &[("alg", json!(spelling))]);
        let input = signing_input(&header, &token.claims);
        all.push(Forgery {
            what: format!("`alg: {spelling}` without a signature"),
            token: format!("{input}."),
            header: header.clone(),
            signature: "no signature",
        });
        if spelling == "none" {
            all.push(Forgery {
                what: "`alg: none` with the old signature".to_owned(),
                token: format!("{input}.{}", token.signature),
                header,
                signature: "the sound token's signature",
            });
        }
    }
    for (what, token_text) in
        [("an empty signature", format!("{}.", token.signed)), ("two parts without a signature", token.signed.clone())]
    {
        all.push(Forgery {
            what: what.to_owned(),
            token: token_text,
            header: token.header.clone(),
            signature: "no signature",
        });
    }
    all
}

/// Claims that the old signature does not cover.
fn changed(token: &Token, other_subject: &Value) -> Vec<Forgery> {
    let later = token.claims.get("exp").and_then(Value::as_i64).map(|exp| exp + 3600);
    let prolonged = match later {
        Some(later) => with(&token.claims, &[("exp", json!(later))]),
        None => with(&token.claims, &[("grader", json!(true))]),
    };
    let stranger = with(&token.claims, &[("sub", other_subject.clone())]);
    [("a changed payload", prolonged), ("another subject", stranger)]
        .into_iter()
        .filter(|(_, claims)| *claims != token.claims)
        .map(|(what, claims)| Forgery {
            what: format!("{what} under the old signature"),
            token: format!("{}.{}", signing_input(&token.header, &claims), token.signature),
            header: token.header.clone(),
            signature: "the sound token's signature",
        })
        .collect()
}

/// Signed with a key that is not the server's.
fn signed(token: &Token) -> Vec<Forgery> {
    let own = Algorithm::of(&token.header).unwrap_or(Algorithm::Hs256);
    let header = with(&token.header, &[("alg", json!(own.name()))]);
    [("a foreign key", FOREIGN, "HMAC with a made-up key"), ("a blank key", b"".as_slice(), "HMAC with an empty key")]
        .into_iter()
        .map(|(what, key, signature)| Forgery {
            what: format!("signed with {what}"),
            token: sign(&header, &token.claims, own, key),
            header: header.clone(),
            signature,
        })
        .collect()
}

/// Headers that tell the server which key to take (RFC 7515, 4.1.3 and 4.1.4).
fn pointed(token: &Token) -> Vec<Forgery> {
    let own = Algorithm::of(&token.header).unwrap_or(Algorithm::Hs256);
    let named = |extra: &[(&str, Value)]| {
        let mut members = vec![("alg", json!(own.name()))];
        members.extend(extra.iter().cloned());
        with(&token.header, &members)
    };
    let mut all = Vec::new();
    for (what, kid, key, signature) in [
        ("a `kid` that names an empty file", "../../../../../../dev/null", b"".as_slice(), "HMAC with an empty key"),
        ("a `kid` with SQL in it", "x' UNION SELECT 'grader", b"grader".as_slice(), "HMAC with the key `grader`"),
    ] {
        let header = named(&[("kid", json!(kid))]);
        let token = sign(&header, &token.claims, own, key);
        all.push(Forgery { what: what.to_owned(), token, header, signature });
    }
    // The key in the header itself: `k` is FOREIGN in base64url (RFC 7518, 6.4.1).
    let k = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, FOREIGN);
    let header = named(&[("jwk", json!({"kty": "oct", "k": k}))]);
    all.push(Forgery {
        what: "a key of its own in the header".to_owned(),
        token: sign(&header, &token.claims, own, FOREIGN),
        header,
        signature: "HMAC with the key in the header",
    });
    all
}

/// `object` with some members set.
fn with(object: &Value, members: &[(&str, Value)]) -> Value {
    let mut changed = object.as_object().cloned().unwrap_or_default();
    for (name, value) in members {
        changed.insert((*name).to_owned(), value.clone());
    }
    Value::Object(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        let text = sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"sub": "7", "exp": 4_102_444_800_i64}),
            Algorithm::Hs256,
            b"the server's own key",
        );
        Token::parse(&text).expect("a token")
    }

    #[test]
    fn no_forgery_is_a_sound_token() {
        let token = token();
        let all = all(&token, &json!("8"), &["-----BEGIN PUBLIC KEY-----"]);
        assert!(all.len() >= 14, "{}", all.len());
        for forgery in &all {
            if let Some(parsed) = Token::parse(&forgery.token) {
                assert!(!parsed.is_signed_with(b"the server's own key"), "{}", forgery.what);
            }
        }
        let mut texts: Vec<&str> = all.iter().map(|forgery| forgery.token.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), all.len(), "each is another token");
    }

    #[test]
    fn a_naive_server_would_take_them() {
        let token = token();
        let all = all(&token, &json!("8"), &["-----BEGIN PUBLIC KEY-----"]);
        let by = |what: &str| all.iter().find(|f| f.what.contains(what)).expect(what);
        let parsed = |what: &str| Token::parse(&by(what).token).expect("three parts");
        assert!(parsed("blank key").is_signed_with(b""));
        assert!(parsed("public key").is_signed_with(b"-----BEGIN PUBLIC KEY-----"));
        assert!(parsed("SQL").is_signed_with(b"grader"));
        assert_eq!(parsed("another subject").claims.get("sub"), Some(&json!("8")));
        assert_eq!(parsed("`alg: NONE`").header.get("alg"), Some(&json!("NONE")));
        assert_eq!(by("two parts").token.matches('.').count(), 1);
    }
}
