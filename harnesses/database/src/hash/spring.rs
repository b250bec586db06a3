//! Spring Security's encoders that are neither bcrypt nor argon2: their own layouts behind a `{name}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Scheme;
use super::parse::{pbkdf2_matches, scrypt_matches};

/// Rounds of `StandardPasswordEncoder`, which its authors call insecure: a thousand is no stretching.
const STANDARD_ROUNDS: usize = 1_024;
/// Bytes of salt in front of the hash, the hash under the HMAC and the iterations, by version of the library
/// (`Pbkdf2PasswordEncoder`, before 5.8 and since, each also with its older count).
const PBKDF2: &[(usize, &str, u32)] = &[(16, "sha256", 310_000), (8, "sha1", 185_000), (8, "sha1", 360_000)];

/// The scheme of what stands behind `{name}`.
pub(super) fn verified(name: &str, rest: &str, password: &str) -> Option<Scheme> {
    if name.starts_with("scrypt") {
        return scrypt(rest, password);
    }
    let bytes = hex::decode(rest).ok().filter(|bytes| bytes.len() <= 256)?;
    if name.starts_with("pbkdf2") {
        return PBKDF2.iter().find_map(|(salt, digest, iterations)| {
            let (salt, hash) = bytes.split_at_checked(*salt)?;
            pbkdf2_matches(password, salt, digest, *iterations, hash)
        });
    }
    let (salt, hash) = bytes.split_at_checked(8).filter(|_| name == "sha256")?;
    let first = Sha256::digest([salt, password.as_bytes()].concat());
    let made = (1..STANDARD_ROUNDS).fold(first, |digest, _| Sha256::digest(digest));
    (made.as_slice() == hash).then_some(Scheme::Fast("salted SHA-2, a thousand times"))
}

/// `$e0801$salt$hash`: log2 of N, r and p as the bytes of one hexadecimal number.
fn scrypt(text: &str, password: &str) -> Option<Scheme> {
    let parts: Vec<&str> = text.strip_prefix('$')?.split('$').collect();
    let [parameters, salt, hash] = parts.as_slice() else { return None };
    let parameters = u32::from_str_radix(parameters, 16).ok()?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    scrypt_matches(password, &salt, parameters >> 16, parameters >> 8 & 0xff, parameters & 0xff, &hash)
}
