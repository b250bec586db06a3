//! The signature over a delivery's raw body: HMAC-SHA256 with the webhook's secret, compared in constant time.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Secret;

/// Why a delivery is not believed. The answer to all three is the same 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    #[error("the delivery carries no signature")]
    Missing,
    /// Not `sha256=` and 64 hex digits; the old SHA-1 header does not count.
    #[error("the signature is not of the form sha256=…")]
    Malformed,
    #[error("the signature is not the body's")]
    Wrong,
}

/// Verifies `header` over `body`, exactly as the bytes arrived.
///
/// Several `secrets` are tried so that one can be replaced by another without losing deliveries. All of them are
/// computed whichever matches.
///
/// # Errors
/// [`SignatureError`]; [`SignatureError::Wrong`] also without any secret.
pub fn verify(secrets: &[Secret], body: &[u8], header: Option<&str>) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let signature = header.strip_prefix("sha256=").and_then(bytes).ok_or(SignatureError::Malformed)?;
    let matching = secrets.iter().filter(|secret| mac(secret, body).verify_slice(&signature).is_ok()).count();
    if matching > 0 { Ok(()) } else { Err(SignatureError::Wrong) }
}

/// The header's value for `body`, as GitHub makes it.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    let digest = mac(secret, body).finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

fn mac(secret: &Secret, body: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the error belongs to ciphers that share the trait.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("a key of any length");
    mac.update(body);
    mac
}

/// 64 hex digits as 32 bytes.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in GitHub's "Validating webhook deliveries".
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    #[test]
    fn the_published_example_verifies() {
        assert_eq!(verify(&secrets(&[SECRET]), BODY, Some(SIGNATURE)), Ok(()));
        assert_eq!(sign(&Secret::new(SECRET), BODY), SIGNATURE);
        assert_eq!(verify(&secrets(&["new", SECRET]), BODY, Some(SIGNATURE)), Ok(()));
    }

    #[test]
    fn anything_else_does_not() {
        let all = secrets(&[SECRET]);
        assert_eq!(verify(&all, b"Hello, World! ", Some(SIGNATURE)), Err(SignatureError::Wrong));
        assert_eq!(verify(&secrets(&["other"]), BODY, Some(SIGNATURE)), Err(SignatureError::Wrong));
        assert_eq!(verify(&[], BODY, Some(SIGNATURE)), Err(SignatureError::Wrong));
        assert_eq!(verify(&all, BODY, None), Err(SignatureError::Missing));
        let half = &SIGNATURE[..SIGNATURE.len() - 2];
        let sha1 = SIGNATURE.replace("sha256", "sha1");
        let letters = format!("sha256={}", "zz".repeat(32));
        let wide = format!("sha256={}", "é".repeat(32));
        for malformed in ["", "sha256=", half, &sha1, &letters, &wide] {
            assert_eq!(verify(&all, BODY, Some(malformed)), Err(SignatureError::Malformed), "{malformed}");
        }
    }
}
