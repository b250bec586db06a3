//! Whether a value is a secret or stands for one: placeholders, local defaults, entropy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Words of values that stand for something, or that open nothing but a container of one's own.
const WORDS: &[&str] = &[
    "change",
    "your",
    "example",
    "placeholder",
    "replace",
    "todo",
    "xxx",
    "dummy",
    "sample",
    "insert",
    "redacted",
    "secret",
    "password",
    "passw0rd",
    "default",
    "local",
    "dev",
    "test",
    "fake",
    "insecure",
    "none",
    "null",
    "undefined",
    "postgres",
    "mysql",
    "admin",
    "root",
    "user",
    "foobar",
    "some",
    "my",
    "token",
    "key",
    "jwt",
    "12345",
    "qwerty",
    "abc",
    "store",
    "demo",
    "not-",
    "never",
    "enter",
    "fill",
    "hidden",
    "****",
    "....",
    "guest",
    "minioadmin",
    "letmein",
    "string",
    "value",
];

/// Whether a value is empty, a reference, a placeholder or one of the usual local values.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    if value.len() < 4
        || value.contains(char::is_whitespace)
        || value.starts_with(['$', '<', '{', '%', '[', '(', '/', '.', '@', '#'])
        || value.contains("${")
        || value.contains("{{")
    {
        return true;
    }
    // Kubernetes' secrets are base64: what counts is inside.
    let inside = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if value.len() >= 12 && inside.is_some_and(|inside| inside.is_ascii() && names_placeholder(inside.trim())) {
        return true;
    }
    names_placeholder(value)
}

/// Whether the words of a value say that it stands for another one.
fn names_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let repeated = value.chars().all(|c| value.starts_with(c));
    let number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    // A word makes a placeholder where it is most of the value: a random one may hold `my` somewhere.
    let worded = WORDS.iter().any(|word| {
        lower.contains(word) && (word.len() * 3 >= lower.len() || word.len() >= 5 || lower.starts_with(word))
    });
    repeated || number || worded || matches!(lower.as_str(), "true" | "false")
}

/// Shannon entropy in bits per character.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a value looks random: long enough, of several kinds of characters, of high entropy, and no words.
pub(super) fn is_random(value: &str) -> bool {
    let length = value.len();
    if !(12..=200).contains(&length) || is_placeholder(value) || !value.is_ascii() {
        return false;
    }
    let hex = length >= 24 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let upper = value.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = value.bytes().filter(u8::is_ascii_lowercase).count();
    let mixed = digits >= 2 && upper >= 2 && lower >= 2;
    let bits = entropy(value);
    hex && bits >= 3.0 && digits > 0 || mixed && bits >= 3.3 && !of_words(value)
}

/// Whether most of a value consists of lower-case words between marks, as identifiers and paths do.
fn of_words(value: &str) -> bool {
    let parts: Vec<&str> = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let words = parts
        .iter()
        .filter(|part| part.len() >= 3 && part.bytes().skip(1).all(|byte| byte.is_ascii_lowercase()))
        .count();
    parts.len() > 1 && words * 2 > parts.len()
}

/// A value as it may be shown: its first two characters and its length.
pub(super) fn redacted(value: &str) -> String {
    let start: String = value.chars().take(2).collect();
    format!("{start}… ({} characters)", value.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_local_values() {
        for value in [
            "",
            "changeme",
            "your-secret-here",
            "postgres",
            "${X}",
            "<token>",
            "super-secret-key-for-development-only",
            "xxxxxxxx",
            "1234567890",
            "bookstore",
            "development-only",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["9tGc!e3Wq7Rv0sXy", "hV7q-Zr2xKd9wTfLm4Bn", "1f0a9c57e2b84d6fb3c8a1e5d7f92046"] {
            assert!(!is_placeholder(value) && is_random(value), "{value}");
        }
    }

    #[test]
    fn base64_is_judged_by_what_is_inside() {
        assert!(is_placeholder("eW91ci1zdXBlci1zZWN1cmUtcGFzc3dvcmQ="));
        assert!(!is_placeholder("OXRHYyFlM1dxN1J2MHNYeQ=="));
    }

    #[test]
    fn identifiers_are_not_random() {
        for value in [
            "X-Api-Key-For-Internal-Services",
            "prod/bookstore/database-credentials",
            "AccessTokenExpiredException",
            "application/vnd.api+json",
            "Argon2PasswordHasherV2Impl",
        ] {
            assert!(!is_random(value), "{value}");
        }
    }

    #[test]
    fn a_redacted_value_keeps_two_characters() {
        assert_eq!(redacted("9tGc!e3Wq7Rv0sXy"), "9t… (16 characters)");
    }
}
