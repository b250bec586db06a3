//! Every known format, made by the real libraries (`vectors.tsv`: origin, scheme, tier, stored value, and
//! the password where it is another than the others').

use base64::Engine as _;

use super::*;

const PASSWORD: &str = "Quiet-River-42-ab12c3!";
const VECTORS: &str = include_str!("vectors.tsv");

#[test]
fn the_libraries_own_hashes_are_recognized_and_graded() {
    for line in VECTORS.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let (parts, password) = parts.split_at(4);
        let [origin, scheme, strength, stored] = parts else { panic!("{line}") };
        let password = password.first().copied().unwrap_or(PASSWORD);
        let found = recognize(stored, password, &[]).unwrap_or_else(|| panic!("{origin} is not recognized"));
        assert_eq!(
            (found.to_string().as_str(), format!("{:?}", found.strength()).as_str()),
            (*scheme, *strength),
            "{origin}"
        );
        assert_eq!(recognize(stored, "Another-Password-1!", &[]), None, "{origin} takes a wrong password");
    }
}

#[test]
fn a_salt_may_stand_in_another_column() {
    let line = VECTORS.lines().find(|line| line.starts_with("salted sha256")).expect("the vector");
    let (salt, digest) = line.rsplit('\t').next().and_then(|stored| stored.split_once('$')).expect("a pair");
    assert_eq!(recognize(digest, PASSWORD, &[]), None);
    assert_eq!(recognize(digest, PASSWORD, &["7", salt]), Some(Scheme::Fast("salted SHA-2")));
}

#[test]
fn readable_forms_are_found() {
    let encoded = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
    let reversed: String = PASSWORD.chars().rev().collect();
    for stored in [PASSWORD.to_owned(), format!("pw={PASSWORD};"), encoded, hex::encode(PASSWORD), reversed] {
        let found = recognize(&stored, PASSWORD, &[]).unwrap_or_else(|| panic!("{stored}"));
        assert_eq!(found.strength(), Strength::Readable, "{stored}");
    }
}

#[test]
fn the_owasp_table_is_met_row_by_row() {
    let argon = |memory, passes| Scheme::Argon2 { variant: "argon2id", memory, passes, lanes: 1 }.strength();
    assert_eq!(argon(19_456, 2), Strength::Owasp);
    assert_eq!(argon(19_455, 2), Strength::Slow);
    assert_eq!(argon(7_168, 5), Strength::Owasp);
    assert_eq!(argon(65_536, 1), Strength::Owasp);
    let scrypt = |log_n, p| Scheme::Scrypt { log_n, r: 8, p }.strength();
    assert_eq!((scrypt(17, 1), scrypt(16, 1), scrypt(14, 5)), (Strength::Owasp, Strength::Slow, Strength::Owasp));
    assert_eq!(Scheme::Bcrypt { cost: 10 }.strength(), Strength::Owasp);
    assert_eq!(Scheme::Bcrypt { cost: 9 }.strength(), Strength::Slow);
}

#[test]
fn hostile_parameters_cost_nothing() {
    for stored in [
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$2b$31$npEJOv3oagttBNTuEZ1et.f.KXnAWMWc9nL316app8ZpAr1nL/NJ2",
        "scrypt:2147483648:8:1$salt$00",
        "pbkdf2:sha256:4294967295$salt$00",
        "$6$rounds=999999999$salt$x",
    ] {
        assert_eq!(recognize(stored, PASSWORD, &[]), None, "{stored}");
    }
    assert_eq!(recognize(&"x".repeat(5000), PASSWORD, &[]), None);
}

/// What tables hold besides passwords: words, numbers, keys, addresses, hashes of other passwords and texts with them.
fn cell(rng: &mut fastrand::Rng) -> String {
    let bytes: Vec<u8> = (0..rng.usize(8..40)).map(|_| rng.u8(..)).collect();
    let base64 = base64::engine::general_purpose::STANDARD;
    let word = |rng: &mut fastrand::Rng| -> String { (0..rng.usize(1..12)).map(|_| rng.alphanumeric()).collect() };
    match rng.u8(..10) {
        0 => hex::encode(bytes),
        1 => base64.encode(bytes),
        2 => rng.u64(..).to_string(),
        3 => format!("{}@example.com", word(rng)),
        4 => format!("Quiet-{}-{}-{}!", word(rng), rng.u8(10..99), word(rng)),
        5 => base64.encode(format!("Quiet-River-{}-{}!", rng.u8(10..99), word(rng))),
        6 => {
            use sha2::Digest as _;
            hex::encode(sha2::Sha256::digest(word(rng)))
        }
        7 => format!("$2b$06${}", (0..53).map(|_| rng.alphanumeric()).collect::<String>()),
        8 => PASSWORD.to_lowercase().chars().rev().collect(),
        _ => (0..rng.usize(1..20)).map(|_| word(rng)).collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn a_thousand_databases_without_the_password_never_seem_to_hold_it() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..1_000 {
        let row: Vec<String> = (0..rng.usize(3..9)).map(|_| cell(&mut rng)).collect();
        for (at, stored) in row.iter().enumerate() {
            let beside: Vec<&str> =
                row.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, c)| &**c).collect();
            // The stretched forms cost what they are made to cost; what is fast or readable is what is asked here.
            assert_eq!(fast::verified(stored, PASSWORD, &beside), None, "{stored} beside {beside:?}");
        }
    }
}
