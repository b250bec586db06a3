//! What is as good as readable: the password itself, encodings of it, and hashes made to be fast, salted or not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::Scheme;

/// The scheme of a readable or fast-hashed `password`.
pub(super) fn verified(stored: &str, password: &str, beside: &[&str]) -> Option<Scheme> {
    if let Some(what) = readable(stored, password) {
        return Some(Scheme::Fast(what));
    }
    // The digest may stand alone, or beside its salt in one text.
    let mut candidates: Vec<(&str, Vec<&str>)> = vec![(stored, beside.to_vec())];
    for separator in ['$', ':', '.', '|'] {
        let parts: Vec<&str> = stored.split(separator).filter(|part| !part.is_empty()).collect();
        if (2..=4).contains(&parts.len()) {
            for at in 0..parts.len() {
                let salts = parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, part)| *part);
                candidates.push((parts[at], salts.chain(beside.iter().copied()).collect()));
            }
        }
    }
    candidates.iter().find_map(|(digest, salts)| fast(digest, password, salts)).map(Scheme::Fast)
}

/// How the password can be read off a stored text.
pub(crate) fn readable(stored: &str, password: &str) -> Option<&'static str> {
    if password.len() < 6 {
        return None;
    }
    if stored.contains(password) {
        return Some("the password in clear");
    }
    let reversed: String = password.chars().rev().collect();
    if stored.contains(&reversed) {
        return Some("the password reversed");
    }
    let bytes = password.as_bytes();
    let trimmed = stored.trim_end_matches('=');
    if [STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]
        .iter()
        .any(|encoded| trimmed.contains(encoded.as_str()))
    {
        return Some("the password in base64");
    }
    if stored.to_ascii_lowercase().contains(&hex::encode(bytes)) {
        return Some("the password in hexadecimal");
    }
    None
}

fn fast(stored: &str, password: &str, salts: &[&str]) -> Option<&'static str> {
    let wanted = hex::decode(stored.trim_start_matches("0x").trim_start_matches("\\x"))
        .ok()
        .into_iter()
        .chain(STANDARD.decode(stored).ok())
        .filter(|bytes| matches!(bytes.len(), 16 | 20 | 28 | 32 | 48 | 64))
        .collect::<Vec<_>>();
    if wanted.is_empty() {
        return None;
    }
    let is_wanted = |made: &[u8]| wanted.iter().any(|bytes| bytes == made);
    let password = password.as_bytes();
    let mut inputs: Vec<Vec<u8>> = vec![password.to_vec()];
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for salt in salts.iter().filter(|salt| (1..=128).contains(&salt.len())).take(24) {
        let mut forms = vec![salt.as_bytes().to_vec()];
        forms.extend(hex::decode(salt).ok());
        forms.extend(STANDARD.decode(salt).ok());
        for salt in forms {
            inputs.push([salt.as_slice(), password].concat());
            inputs.push([password, salt.as_slice()].concat());
            inputs.push([salt.as_slice(), b":", password].concat());
            inputs.push([password, b":", salt.as_slice()].concat());
            keys.push(salt);
        }
    }
    for (at, input) in inputs.iter().enumerate() {
        let salted = at > 0;
        let name = |plain, with_salt| if salted { with_salt } else { plain };
        if is_wanted(&Md5::digest(input)) {
            return Some(name("MD5 without salt", "salted MD5"));
        }
        if is_wanted(&Sha1::digest(input)) {
            return Some(name("SHA-1 without salt", "salted SHA-1"));
        }
        let sha2 = [
            Sha224::digest(input).to_vec(),
            Sha256::digest(input).to_vec(),
            Sha384::digest(input).to_vec(),
            Sha512::digest(input).to_vec(),
        ];
        if sha2.iter().any(|made| is_wanted(made)) {
            return Some(name("SHA-2 without salt", "salted SHA-2"));
        }
        // Hashing a hash is no stretching either.
        let twice = hex::encode(Sha256::digest(input));
        if is_wanted(&Sha256::digest(twice.as_bytes())) || is_wanted(&Md5::digest(hex::encode(Md5::digest(input)))) {
            return Some("a fast hash applied twice");
        }
    }
    for key in &keys {
        if hmac_sha2(key, password).iter().chain(&hmac_sha2(password, key)).any(|made| is_wanted(made)) {
            return Some("an HMAC without stretching");
        }
    }
    None
}

fn hmac_sha2(key: &[u8], message: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(message);
        all.push(mac.finalize().into_bytes().to_vec());
    }
    if let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(key) {
        mac.update(message);
        all.push(mac.finalize().into_bytes().to_vec());
    }
    all
}
