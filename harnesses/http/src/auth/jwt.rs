//! Compact JSON Web Signatures (RFC 7515) as an attacker writes them: with any header, any key, or none.
//!
//! It signs with HMAC only (RFC 7518, 3.2): every forgery that probes need can be made without a private key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// The HMAC algorithms of RFC 7518.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    /// The algorithm that a token's header names, where it is one of HMAC.
    pub(super) fn of(header: &Value) -> Option<Self> {
        match header.get("alg")?.as_str()? {
            "HS256" => Some(Algorithm::Hs256),
            "HS384" => Some(Algorithm::Hs384),
            "HS512" => Some(Algorithm::Hs512),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Hs384 => "HS384",
            Algorithm::Hs512 => "HS512",
        }
    }

    fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        // HMAC takes keys of any length (RFC 2104, 2), so that the constructors cannot fail.
        macro_rules! mac {
            ($hash:ty) => {{
                let mut mac = <Hmac<$hash> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self {
            Algorithm::Hs256 => mac!(Sha256),
            Algorithm::Hs384 => mac!(Sha384),
            Algorithm::Hs512 => mac!(Sha512),
        }
    }
}

/// A token taken apart.
pub(super) struct Token {
    pub(super) header: Value,
    pub(super) claims: Value,
    /// Header and claims as they were signed.
    pub(super) signed: String,
    /// The signature as it was written.
    pub(super) signature: String,
}

impl Token {
    /// Takes a compact token apart; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (header, claims) = harness_kit::account::decode_jwt(text)?;
        let (signed, signature) = text.rsplit_once('.')?;
        Some(Token { header, claims, signed: signed.to_owned(), signature: signature.to_owned() })
    }

    /// Whether the token was signed with `key`, by the HMAC algorithm that its header names.
    pub(super) fn is_signed_with(&self, key: &[u8]) -> bool {
        let Some(algorithm) = Algorithm::of(&self.header) else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(self.signature.trim_end_matches('=')) else { return false };
        algorithm.mac(key, self.signed.as_bytes()) == signature
    }
}

/// Header and claims as a signature covers them.
pub(super) fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// A token with that header and those claims, signed by HMAC whatever the header says.
pub(super) fn sign(header: &Value, claims: &Value, algorithm: Algorithm, key: &[u8]) -> String {
    let input = signing_input(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(algorithm.mac(key, input.as_bytes()));
    format!("{input}.{signature}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The token of jwt.io's front page, made with `your-256-bit-secret`.
    const KNOWN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

    #[test]
    fn a_known_token_verifies_with_its_key_alone() {
        let token = Token::parse(KNOWN).expect("a token");
        assert!(token.is_signed_with(b"your-256-bit-secret"));
        assert!(!token.is_signed_with(b"your-256-bit-secret "));
        assert!(!token.is_signed_with(b""));
    }

    #[test]
    fn what_is_signed_is_what_was_known() {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let claims = json!({"sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022});
        assert_eq!(sign(&header, &claims, Algorithm::Hs256, b"your-256-bit-secret"), KNOWN);
    }

    #[test]
    fn longer_hashes_verify_as_well() {
        for (name, algorithm) in [("HS384", Algorithm::Hs384), ("HS512", Algorithm::Hs512)] {
            let text = sign(&json!({"alg": name}), &json!({"sub": "1"}), algorithm, b"key");
            let token = Token::parse(&text).expect("a token");
            assert!(token.is_signed_with(b"key"), "{name}");
            assert!(!token.is_signed_with(b"other"), "{name}");
        }
        let text = sign(&json!({"alg": "RS256"}), &json!({"sub": "1"}), Algorithm::Hs256, b"key");
        assert!(!Token::parse(&text).expect("a token").is_signed_with(b"key"), "no HMAC by its header");
    }
}
