//! Plain scalars as the reference's YAML library reads and prints them: YAML 1.2 booleans and nulls, YAML 1.1 numbers
//! (leading zero is octal, underscores are skipped) and timestamps.

use crate::document::Value;

/// What an unquoted scalar without a tag is.
pub(crate) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Value::String(text.to_owned());
    }
    if is_timestamp(text) {
        return Value::Timestamp(text.to_owned());
    }
    parse_int(text).or_else(|| parse_float(text)).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// An integer in any of the notations, or `None`. One that fits no 64 bits is a float.
pub(crate) fn parse_int(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    match i128::from_str_radix(digits, radix) {
        Ok(number) => {
            let number = if negative { -number } else { number };
            #[expect(clippy::cast_precision_loss, reason = "what fits no integer is read as the nearest float")]
            Some(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
        }
        Err(_) => plain.parse().ok().map(Value::Float),
    }
}

/// A decimal number, or `None`; no hexadecimal, no `infinity`.
pub(crate) fn parse_float(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let unsigned = plain.trim_start_matches(['+', '-']);
    if plain.len() - unsigned.len() > 1 || !unsigned.contains(|digit: char| digit.is_ascii_digit()) {
        return None;
    }
    let allowed = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '+' | '-');
    if !unsigned.chars().all(allowed) {
        return None;
    }
    plain.parse().ok().map(Value::Float)
}

/// `2024-01-31`, alone or with a time after it. The reference reads these as moments, which no attribute accepts.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start())),
        None => (text, None),
    };
    let digits = |part: &str, sizes: std::ops::RangeInclusive<usize>| {
        sizes.contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit())
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    if !digits(year, 4..=4) || !digits(month, 1..=2) || !digits(day, 1..=2) {
        return false;
    }
    let in_range = |part: &str, most: u32| part.parse().is_ok_and(|number: u32| (1..=most).contains(&number));
    if !in_range(month, 12) || !in_range(day, 31) {
        return false;
    }
    let Some(time) = time else { return month.len() == 2 && day.len() == 2 };
    let clock = time.split(['Z', '+', '-', '.', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = clock.split(':').collect();
    parts.len() == 3 && parts.iter().all(|part| digits(part, 1..=2))
}

/// A number as Go prints it (`%v`): the shortest form that reads back, with an exponent from a million on.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if number != 0.0 && !(1e-4..1e6).contains(&number.abs()) {
        let text = format!("{number:e}");
        // Go writes a sign and at least two digits into the exponent.
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
        return format!("{digits}e{sign}{size:0>2}");
    }
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_yaml_1_1() {
        for (text, value) in [
            ("0440", Value::Int(288)),
            ("0o17", Value::Int(15)),
            ("0x1F", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("-12", Value::Int(-12)),
            ("+7", Value::Int(7)),
            ("0.5", Value::Float(0.5)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("09", Value::Float(9.0)),
            ("9223372036854775808", Value::Float(9_223_372_036_854_775_808.0)),
        ] {
            assert_eq!(resolve_plain(text), value, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_number_but_is_none_stays_text() {
        for text in ["1.2.3", "10s", "-", ".", "127.0.0.1", "8080:80", "yes", "on", "no", "y", "0x", "1-2", "--1"] {
            assert_eq!(resolve_plain(text), Value::String(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn dates_are_moments() {
        for text in ["2024-01-31", "2024-01-31T10:11:12Z", "2024-1-3 1:02:03"] {
            assert_eq!(resolve_plain(text), Value::Timestamp(text.to_owned()), "{text}");
        }
        for text in ["2024-13-01", "2024-01", "2024-01-31-alpine", "12-01-2024"] {
            assert_eq!(resolve_plain(text), Value::String(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn floats_print_as_go_prints_them() {
        for (number, text) in
            [(1.5, "1.5"), (1000.0, "1000"), (1_234_567.0, "1.234567e+06"), (0.00001, "1e-05"), (0.0, "0")]
        {
            assert_eq!(float_text(number), text);
        }
    }
}
