//! Sound values for fields, the same for the same seed: probes make their own records and depend on nobody's leftovers.

use grader_spec::{Field, FieldKind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A stream of values for one probe. Two probes with different names never produce the same unique value.
#[derive(Debug, Clone)]
pub struct Values {
    rng: fastrand::Rng,
    tag: String,
    made: u32,
}

const WORDS: &[&str] = &[
    "Amber", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Harbour", "Indigo", "Juniper", "Kestrel",
    "Lantern", "Meadow", "Nimbus", "Orchard", "Prairie", "Quartz", "River", "Saffron", "Timber", "Umber", "Valley",
    "Willow", "Zephyr",
];
const NAMES: &[&str] = &[
    "Ada", "Bela", "Clara", "Dario", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Karla", "Leo", "Mira",
    "Nora", "Oskar", "Petra",
];

impl Values {
    /// A stream named `name` under the run's `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let digest = Sha256::digest(format!("{seed}/{name}"));
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        let rng = fastrand::Rng::with_seed(u64::from_le_bytes(first));
        let tag = digest[8..11].iter().map(|byte| format!("{byte:02x}")).collect();
        Values { rng, tag, made: 0 }
    }

    /// A short tag that no other stream and no earlier call of this one gives.
    pub fn tag(&mut self) -> String {
        self.made += 1;
        format!("{}{}", self.tag, base36(self.made))
    }

    pub fn word(&mut self) -> &'static str {
        WORDS[self.rng.usize(..WORDS.len())]
    }

    pub fn text(&mut self) -> String {
        format!("{} {} {}", self.word(), self.word(), self.tag())
    }

    /// Letters only, as strict validators of personal names ask.
    pub fn person(&mut self) -> String {
        format!("{} {}", self.given_name(), self.word())
    }

    pub fn given_name(&mut self) -> &'static str {
        NAMES[self.rng.usize(..NAMES.len())]
    }

    pub fn email(&mut self) -> String {
        format!("{}.{}@example.com", self.given_name().to_lowercase(), self.tag())
    }

    pub fn username(&mut self) -> String {
        format!("{}{}", self.given_name().to_lowercase(), self.tag())
    }

    /// Upper and lower case, digits and a symbol; between 16 and 40 bytes, so that bcrypt takes all of it.
    pub fn password(&mut self) -> String {
        format!("Quiet-{}-{}-{}!", self.word(), 10 + self.rng.u32(..90), self.tag())
    }

    /// Thirteen digits that start with `prefix` and end with their GS1 check digit.
    pub fn gtin13(&mut self, prefix: &str) -> String {
        let mut digits: Vec<u32> = prefix.bytes().map(|b| u32::from(b - b'0')).collect();
        while digits.len() < 12 {
            digits.push(self.rng.u32(..10));
        }
        let sum: u32 = digits.iter().enumerate().map(|(i, d)| if i % 2 == 0 { *d } else { d * 3 }).sum();
        digits.push((10 - sum % 10) % 10);
        digits.iter().map(|d| char::from_digit(*d, 10).unwrap_or('0')).collect()
    }

    /// An amount with two decimals, of which the second is not 0, in hundredths: 5.01 to 94.99.
    pub fn cents(&mut self) -> u64 {
        let cents = self.rng.u64(501..=9499);
        if cents.is_multiple_of(10) { cents + 1 } else { cents }
    }

    /// A sound value for `field`, as plain JSON; [`crate::wire`] writes it the way that the submission reads it.
    /// References and accounts have none: the caller knows the record.
    pub fn field(&mut self, field: &Field) -> Value {
        match field.kind {
            FieldKind::Text => json!(self.text()),
            FieldKind::Name => json!(self.person()),
            FieldKind::Email => json!(self.email()),
            FieldKind::Username => json!(self.username()),
            FieldKind::Password => json!(self.password()),
            FieldKind::Gtin13 => json!(self.gtin13(field.prefix.as_deref().unwrap_or("400"))),
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            FieldKind::Money => json!(self.cents() as f64 / 100.0),
            FieldKind::Count => json!(self.rng.u32(20..60)),
            FieldKind::Integer => json!(self.rng.u32(1..100)),
            FieldKind::Boolean => json!(true),
            FieldKind::Date => json!("2030-06-15"),
            FieldKind::Choice => field.choices.first().map_or(Value::Null, |choice| json!(choice)),
            FieldKind::Reference | FieldKind::Account => Value::Null,
        }
    }
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_digit_is_the_standard_one() {
        let mut values = Values::new(1, "codes");
        for _ in 0..200 {
            let code = values.gtin13("978");
            assert!(code.starts_with("978") && code.len() == 13);
            let sum: u32 = code
                .chars()
                .enumerate()
                .map(|(i, c)| c.to_digit(10).expect("a digit") * if i % 2 == 0 { 1 } else { 3 })
                .sum();
            assert_eq!(sum % 10, 0, "{code}");
        }
        // GS1 General Specifications, 7.9: the worked example.
        assert!(Values::new(1, "x").gtin13("629104150021").ends_with('3'));
    }

    #[test]
    fn streams_repeat_themselves_and_not_each_other() {
        let three = |seed, name| {
            let mut values = Values::new(seed, name);
            [values.email(), values.text(), values.password()]
        };
        assert_eq!(three(7, "a"), three(7, "a"));
        assert_ne!(three(7, "a"), three(7, "b"));
        assert_ne!(three(7, "a"), three(8, "a"));
    }
}
