//! Recognizing password hashes by the forms in which the common libraries write them.
//!
//! It knows forms only; whether a hash is a good one is decided where the database can be read.

use std::sync::LazyLock;

use harness_kit::wire;
use regex::Regex;

/// The forms, each with what it is called.
static FORMS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        ("bcrypt", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
        ("argon2", r"\$argon2(?:id|i|d)\$v=\d+\$m=\d+"),
        ("scrypt", r"\$scrypt\$|scrypt:\d+:\d+:\d+\$|\bscrypt\$\d+\$"),
        ("PBKDF2", r"pbkdf2:sha\d+|pbkdf2_sha\d+\$\d+\$|\$pbkdf2-sha\d+\$"),
        ("SHA-crypt", r"\$[56]\$(?:rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}"),
        ("MD5-crypt", r"\$(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"),
    ]
    .into_iter()
    // Proved by `forms_are_recognized`, which compiles every one.
    .map(|(name, pattern)| (name, Regex::new(pattern).expect("a constant pattern compiles")))
    .collect()
});

/// The name of the first form that `text` contains.
pub(super) fn find(text: &str) -> Option<&'static str> {
    FORMS.iter().find(|(_, form)| form.is_match(text)).map(|(name, _)| *name)
}

/// Whether a member of that name (without case and separators) holds a password or its hash.
pub(super) fn is_password_name(plain: &str) -> bool {
    matches!(
        plain,
        "password"
            | "passwd"
            | "pwd"
            | "pass"
            | "passwordhash"
            | "hashedpassword"
            | "hash"
            | "passhash"
            | "pwdhash"
            | "userpassword"
            | "encryptedpassword"
            | "passworddigest"
            | "plainpassword"
    ) || wire::plain(plain).ends_with("passwordhash")
}

/// Whether a text is the kind that a hash function makes: hexadecimal digits of a digest's length, or base64 of as much,
/// alone or behind a salt and a separator.
pub(super) fn looks_hashed(text: &str) -> bool {
    text.split([':', '$', '.', '|']).any(|part| {
        let is_hex = part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_base64 = part.len() >= 40
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte))
            && part.bytes().any(|byte| byte.is_ascii_digit())
            && part.bytes().any(|byte| byte.is_ascii_uppercase());
        is_hex || is_base64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_recognized() {
        for (text, name) in [
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "bcrypt"),
            ("{bcrypt}$2a$10$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "bcrypt"),
            ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", "argon2"),
            ("scrypt:32768:8:1$salt$00ff", "scrypt"),
            ("pbkdf2:sha256:1000000$salt$00ff", "PBKDF2"),
            ("pbkdf2_sha256$1000000$salt$hash", "PBKDF2"),
            ("$pbkdf2-sha256$29000$salt$hash", "PBKDF2"),
            (
                "$6$rounds=5000$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
                "SHA-crypt",
            ),
        ] {
            assert_eq!(find(text), Some(name), "{text}");
        }
        assert_eq!(find("a price of $2b or $5"), None);
    }

    #[test]
    fn sentences_are_no_hashes() {
        assert!(looks_hashed("5f4dcc3b5aa765d61d8327deb882cf99"));
        assert!(looks_hashed("a1b2c3:5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99"));
        assert!(!looks_hashed("must have at least 8 characters"));
        assert!(!looks_hashed("********"));
        assert!(!looks_hashed("[REDACTED]"));
    }
}
