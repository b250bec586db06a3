//! Key-stretching formats: parsed, then verified against the known password.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Scheme;

/// The most work that one verification may cost: a stored value chooses its own parameters.
const MOST_ITERATIONS: u32 = 5_000_000;
const MOST_MEMORY_KIB: u32 = 1 << 20;

/// Base64 with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The scheme of a stretched hash of `password`.
pub(super) fn verified(stored: &str, password: &str, beside: &[&str]) -> Option<Scheme> {
    // Frameworks put their own name in front.
    let text = stored.trim();
    let text = text.strip_prefix("argon2$argon2").map_or(text.to_owned(), |rest| format!("$argon2{rest}"));
    let text = match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((name, rest)) => match super::spring::verified(name, rest, password) {
            Some(scheme) => return Some(scheme),
            None => rest.to_owned(),
        },
        None => text,
    };
    argon2(&text, password)
        .or_else(|| bcrypt_any(&text, password))
        .or_else(|| scrypt_any(&text, password))
        .or_else(|| pbkdf2_any(&text, password))
        .or_else(|| node_pair(&text, password, beside))
        .or_else(|| aspnet_identity(&text, password))
        .or_else(|| sha_crypt(&text, password))
}

fn argon2(text: &str, password: &str) -> Option<Scheme> {
    use argon2::password_hash::{PasswordHash, PasswordVerifier};
    if !text.starts_with("$argon2") {
        return None;
    }
    let parsed = PasswordHash::new(text).ok()?;
    let memory = parsed.params.get_decimal("m")?;
    let passes = parsed.params.get_decimal("t")?;
    let lanes = parsed.params.get_decimal("p")?;
    if memory > MOST_MEMORY_KIB || passes > 100 {
        return None;
    }
    argon2::Argon2::default().verify_password(password.as_bytes(), &parsed).ok()?;
    let variant = match parsed.algorithm.as_str() {
        "argon2i" => "argon2i",
        "argon2d" => "argon2d",
        _ => "argon2id",
    };
    Some(Scheme::Argon2 { variant, memory, passes, lanes })
}

fn bcrypt_any(text: &str, password: &str) -> Option<Scheme> {
    // Django's bcrypt_sha256 hashes the hex digest first.
    if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        use sha2::Digest as _;
        return bcrypt_plain(rest, &hex::encode(Sha256::digest(password)));
    }
    let text = text.strip_prefix("bcrypt$").unwrap_or(text);
    bcrypt_plain(text, password)
}

fn bcrypt_plain(text: &str, password: &str) -> Option<Scheme> {
    let version = text.get(..4)?;
    if !matches!(version, "$2a$" | "$2b$" | "$2x$" | "$2y$") || text.len() != 60 {
        return None;
    }
    let cost: u32 = text.get(4..6)?.parse().ok()?;
    if cost > 18 {
        return None;
    }
    // bcrypt reads 72 bytes; libraries cut what is longer.
    let bytes = password.as_bytes();
    let cut = &bytes[..bytes.len().min(72)];
    bcrypt::verify(cut, text).ok()?.then_some(Scheme::Bcrypt { cost })
}

fn scrypt_any(text: &str, password: &str) -> Option<Scheme> {
    // PHC and passlib: $scrypt$ln=16,r=8,p=1$salt$hash
    if let Some(rest) = text.strip_prefix("$scrypt$") {
        let parts: Vec<&str> = rest.split('$').collect();
        let [parameters, salt, hash] = parts.as_slice() else { return None };
        let get = |name: &str| {
            parameters.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok())
        };
        let log_n = get("ln").or_else(|| get("N").and_then(log2))?;
        let salt = LENIENT.decode(salt).ok()?;
        let hash = LENIENT.decode(hash).ok()?;
        return scrypt_matches(password, &salt, log_n, get("r")?, get("p")?, &hash);
    }
    // werkzeug: scrypt:32768:8:1$salt$hex
    if let Some(rest) = text.strip_prefix("scrypt:") {
        let (parameters, rest) = rest.split_once('$')?;
        let (salt, hash) = rest.split_once('$')?;
        let numbers: Vec<u32> = parameters.split(':').filter_map(|number| number.parse().ok()).collect();
        let [n, r, p] = numbers.as_slice() else { return None };
        return scrypt_matches(password, salt.as_bytes(), log2(*n)?, *r, *p, &hex::decode(hash).ok()?);
    }
    // Django: scrypt$16384$salt$8$5$base64
    if let Some(rest) = text.strip_prefix("scrypt$") {
        let parts: Vec<&str> = rest.split('$').collect();
        let [n, salt, r, p, hash] = parts.as_slice() else { return None };
        let hash = LENIENT.decode(hash).ok()?;
        return scrypt_matches(
            password,
            salt.as_bytes(),
            log2(n.parse().ok()?)?,
            r.parse().ok()?,
            p.parse().ok()?,
            &hash,
        );
    }
    None
}

fn log2(n: u32) -> Option<u32> {
    n.is_power_of_two().then(|| n.trailing_zeros())
}

pub(super) fn scrypt_matches(password: &str, salt: &[u8], log_n: u32, r: u32, p: u32, hash: &[u8]) -> Option<Scheme> {
    // N·r·128 bytes of memory.
    let memory_kib = 1_u64.checked_shl(log_n)?.checked_mul(u64::from(r))? / 8;
    if memory_kib > u64::from(MOST_MEMORY_KIB) || p > 64 || hash.is_empty() || hash.len() > 128 {
        return None;
    }
    let log_n = u8::try_from(log_n).ok()?;
    let parameters = scrypt::Params::new(log_n, r, p, 32).ok()?;
    let mut made = vec![0; hash.len()];
    scrypt::scrypt(password.as_bytes(), salt, &parameters, &mut made).ok()?;
    (made == hash).then_some(Scheme::Scrypt { log_n, r, p })
}

fn pbkdf2_any(text: &str, password: &str) -> Option<Scheme> {
    // werkzeug: pbkdf2:sha256:1000000$salt$hex
    if let Some(rest) = text.strip_prefix("pbkdf2:") {
        let (parameters, rest) = rest.split_once('$')?;
        let (salt, hash) = rest.split_once('$')?;
        let (digest, iterations) = parameters.split_once(':').unwrap_or((parameters, "260000"));
        return pbkdf2_matches(password, salt.as_bytes(), digest, iterations.parse().ok()?, &hex::decode(hash).ok()?);
    }
    // Django: pbkdf2_sha256$iterations$salt$base64
    if let Some(rest) = text.strip_prefix("pbkdf2_") {
        let parts: Vec<&str> = rest.split('$').collect();
        let [digest, iterations, salt, hash] = parts.as_slice() else { return None };
        let hash = LENIENT.decode(hash).ok()?;
        return pbkdf2_matches(password, salt.as_bytes(), digest, iterations.parse().ok()?, &hash);
    }
    // passlib and PHC: $pbkdf2-sha256$29000$salt$hash, $pbkdf2-sha256$i=600000,l=32$salt$hash
    if let Some(rest) = text.strip_prefix("$pbkdf2") {
        let parts: Vec<&str> = rest.split('$').collect();
        let [digest, iterations, salt, hash] = parts.as_slice() else { return None };
        let digest = if digest.is_empty() { "sha1" } else { digest.trim_start_matches('-') };
        let iterations =
            iterations.split(',').find_map(|part| part.strip_prefix("i=").unwrap_or(part).parse::<u32>().ok())?;
        // passlib writes `.` for `+`.
        let decode = |part: &str| LENIENT.decode(part.replace('.', "+")).ok();
        return pbkdf2_matches(password, &decode(salt)?, digest, iterations, &decode(hash)?);
    }
    None
}

pub(super) fn pbkdf2_matches(
    password: &str,
    salt: &[u8],
    digest: &str,
    iterations: u32,
    hash: &[u8],
) -> Option<Scheme> {
    if iterations == 0 || iterations > MOST_ITERATIONS || hash.is_empty() || hash.len() > 128 {
        return None;
    }
    let mut made = vec![0; hash.len()];
    let name = match digest.to_ascii_lowercase().replace('-', "").as_str() {
        "sha1" => {
            pbkdf2::pbkdf2::<Hmac<Sha1>>(password.as_bytes(), salt, iterations, &mut made).ok()?;
            "SHA-1"
        }
        "sha256" => {
            pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), salt, iterations, &mut made).ok()?;
            "SHA-256"
        }
        "sha512" => {
            pbkdf2::pbkdf2::<Hmac<Sha512>>(password.as_bytes(), salt, iterations, &mut made).ok()?;
            "SHA-512"
        }
        _ => return None,
    };
    (made == hash).then_some(Scheme::Pbkdf2 { hash: name, iterations })
}

/// Node's crypto as tutorials use it: `salt:hash` (or `hash.salt`, or a salt in another column), in hex, by `scrypt` with
/// its defaults or `pbkdf2` with customary counts. The salt's text or its bytes may have been used.
fn node_pair(text: &str, password: &str, beside: &[&str]) -> Option<Scheme> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for separator in [':', '.', '$', '|'] {
        if let Some((left, right)) = text.split_once(separator) {
            pairs.push((left.to_owned(), right.to_owned()));
            pairs.push((right.to_owned(), left.to_owned()));
        }
    }
    pairs.extend(beside.iter().map(|salt| ((*salt).to_owned(), text.to_owned())));
    for (salt, hash) in pairs {
        let Ok(hash) = hex::decode(&hash).or_else(|_| STANDARD.decode(&hash)) else { continue };
        if !(16..=128).contains(&hash.len()) || salt.len() < 8 || salt.len() > 128 {
            continue;
        }
        let mut salts = vec![salt.as_bytes().to_vec()];
        salts.extend(hex::decode(&salt).ok());
        salts.extend(STANDARD.decode(&salt).ok());
        for salt in salts {
            if let Some(scheme) = scrypt_matches(password, &salt, 14, 8, 1, &hash) {
                return Some(scheme);
            }
            for (digest, iterations) in [
                ("sha512", 1_000),
                ("sha512", 10_000),
                ("sha512", 100_000),
                ("sha512", 210_000),
                ("sha256", 1_000),
                ("sha256", 10_000),
                ("sha256", 100_000),
                ("sha256", 310_000),
                ("sha1", 1_000),
            ] {
                if let Some(scheme) = pbkdf2_matches(password, &salt, digest, iterations, &hash) {
                    return Some(scheme);
                }
            }
        }
    }
    None
}

/// ASP.NET Identity: base64 of a version byte; version 0 is PBKDF2-SHA1 with 1000 iterations, version 1 names its own.
fn aspnet_identity(text: &str, password: &str) -> Option<Scheme> {
    let bytes = STANDARD.decode(text).ok()?;
    match *bytes.first()? {
        0 if bytes.len() == 49 => pbkdf2_matches(password, &bytes[1..17], "sha1", 1_000, &bytes[17..]),
        1 if bytes.len() > 13 => {
            let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            let digest = match number(1)? {
                0 => "sha1",
                1 => "sha256",
                2 => "sha512",
                _ => return None,
            };
            let salt_length = usize::try_from(number(9)?).ok()?;
            let salt = bytes.get(13..13_usize.checked_add(salt_length)?)?;
            pbkdf2_matches(password, salt, digest, number(5)?, bytes.get(13 + salt_length..)?)
        }
        _ => None,
    }
}

fn sha_crypt(text: &str, password: &str) -> Option<Scheme> {
    let rounds = |rest: &str| -> u32 {
        rest.strip_prefix("rounds=").and_then(|rest| rest.split('$').next()?.parse().ok()).unwrap_or(5_000)
    };
    let rest = text.strip_prefix("$6$").or_else(|| text.strip_prefix("$5$"))?;
    let rounds = rounds(rest);
    if rounds > MOST_ITERATIONS {
        return None;
    }
    let sound = if text.starts_with("$6$") {
        sha_crypt::sha512_check(password, text).is_ok()
    } else {
        sha_crypt::sha256_check(password, text).is_ok()
    };
    sound.then_some(Scheme::ShaCrypt { rounds })
}
