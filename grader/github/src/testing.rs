//! For tests: an RSA key made on the spot, tokens signed with it, and the documents of an issuer. Not part of the
//! product; behind the feature `testing`.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// A key pair: PEM texts and the public numbers.
pub struct Keys {
    /// PKCS#8, PEM.
    pub private: String,
    /// SubjectPublicKeyInfo, PEM.
    pub public: String,
    n: String,
    e: String,
}

/// The key of this process's tests: making one takes a moment.
pub static KEYS: LazyLock<Keys> = LazyLock::new(Keys::make);

impl Keys {
    /// Makes a pair of 2048 bits.
    pub fn make() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let private = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("PKCS#8");
        let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Keys {
            n: number(pair.public_key().modulus().big_endian_without_leading_zero()),
            e: number(pair.public_key().exponent().big_endian_without_leading_zero()),
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", public.as_ref()),
        }
    }

    /// The key set of an issuer that calls this key `kid`.
    pub fn jwks(&self, kid: &str) -> Value {
        json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": self.n, "e": self.e }] })
    }

    /// `claims` signed as `kid`, as GitHub signs them.
    pub fn sign(&self, kid: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        let key = EncodingKey::from_rsa_pem(self.private.as_bytes()).expect("the private key");
        encode(&header, claims, &key).expect("a token")
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
