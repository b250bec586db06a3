//! Durations, sizes and command lines as the reference reads them.

use std::time::Duration;

/// A duration: numbers with units `ns us µs ms s m h d w`, added up; `0` needs none.
///
/// # Errors
/// A sentence: not that form, negative, or longer than 292 years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration, write 30s or 1m30s");
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.starts_with('-') {
        return Err(format!("`{text}` is a negative duration"));
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            "w" => 7.0 * 86_400e9,
            _ => return Err(wrong()),
        };
        nanos += number * unit;
        rest = &rest[end..];
    }
    #[expect(clippy::cast_precision_loss, reason = "the limit need not be exact")]
    if nanos >= i64::MAX as f64 {
        return Err(format!("`{text}` is too long a duration"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above, and never negative")]
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// A duration as Go prints it: `1m30s`, `1.5s`, `100ms`, `0s`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |unit: u128, name: &str| {
        let rest = format!("{:0>width$}", nanos % unit, width = unit.ilog10() as usize);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        format!("{}{point}{rest}{name}", nanos / unit)
    };
    match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => return format!("{nanos}ns"),
        1_000..1_000_000 => return fraction(1_000, "µs"),
        1_000_000..1_000_000_000 => return fraction(1_000_000, "ms"),
        _ => {}
    }
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let below = Duration::new(seconds % 60, duration.subsec_nanos());
    let rest = format!("{:0>9}", below.subsec_nanos());
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    let seconds = format!("{}{point}{rest}s", below.as_secs());
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// A size in bytes: a number with a unit `b k m g t p`, `kb`, `kib` … of 1024, in any case.
///
/// # Errors
/// A sentence: not that form, or negative.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size, write 512m or 1g");
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ' ';
    let end = text.rfind(is_number).ok_or_else(wrong)?;
    let (number, suffix) = text.split_at(end + 1);
    let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().map_err(|_| wrong())?;
    let suffix = suffix.to_ascii_lowercase();
    let power = match suffix.as_str() {
        "" | "b" => 0,
        _ => {
            let (unit, rest) = suffix.split_at_checked(1).ok_or_else(wrong)?;
            if !matches!(rest, "" | "b" | "ib") {
                return Err(wrong());
            }
            "kmgtp".find(unit).ok_or_else(wrong)? + 1
        }
    };
    let size = number * 1024_f64.powi(i32::try_from(power).unwrap_or_default());
    // Not-a-number and infinity fail the comparison too.
    if !(0.0..9.2e18).contains(&size) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(size as u64)
}

/// A command line split into words. As in the reference, quotes and backslashes work as in a shell, variables and
/// patterns mean nothing, and the line ends at `;`, `&`, `|`, `<` or `>`.
///
/// # Errors
/// A sentence: a quote or bracket is not closed.
pub(crate) fn shell_words(line: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{line}` is no command line: a quote or bracket is not closed");
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut has_word, mut escaped) = (false, false);
    let (mut single, mut double, mut backtick, mut bracket) = (false, false, false, false);
    for letter in line.chars() {
        if escaped {
            word.push(letter);
            (escaped, has_word) = (false, true);
            continue;
        }
        match letter {
            '\\' if single => word.push(letter),
            '\\' => escaped = true,
            ' ' | '\t' | '\r' | '\n' => {
                if single || double || backtick || bracket {
                    word.push(letter);
                } else if has_word {
                    words.push(std::mem::take(&mut word));
                    has_word = false;
                }
            }
            '"' if !single && !bracket => {
                has_word |= double;
                double = !double;
            }
            '\'' if !double && !bracket => {
                has_word |= single;
                single = !single;
            }
            ';' | '&' | '|' | '<' | '>' if !(single || double || backtick || bracket) => {
                // `2>` is a redirection, not a word `2` before one.
                if letter == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    has_word = false;
                }
                break;
            }
            '(' if !(single || double || backtick) && (bracket || !word.ends_with('$')) => return Err(wrong()),
            letter => {
                match letter {
                    '`' if !(single || double || bracket) => backtick = !backtick,
                    ')' if !(single || double || backtick) => bracket = !bracket,
                    '(' if !(single || double || backtick) => bracket = true,
                    _ => {}
                }
                word.push(letter);
                has_word = true;
            }
        }
    }
    if has_word {
        words.push(word);
    }
    if escaped || single || double || backtick || bracket { Err(wrong()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, shown) in [
            ("10s", "10s"),
            ("1m30s", "1m30s"),
            ("90s", "1m30s"),
            ("120s", "2m0s"),
            ("1.5s", "1.5s"),
            ("100ms", "100ms"),
            ("1500us", "1.5ms"),
            ("0", "0s"),
            ("1d", "24h0m0s"),
            ("1w1s", "168h0m1s"),
            ("7ns", "7ns"),
        ] {
            assert_eq!(duration_text(duration(text).unwrap()), shown, "{text}");
        }
        for wrong in ["", "10", "s", "1x", "-1s", "1.2.3s", "1e3s", "999999999w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, size) in
            [("64", 64), ("64b", 64), ("1k", 1024), ("1 KB", 1024), ("1.5GiB", 1_610_612_736), ("2M", 2_097_152)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for wrong in ["", "g", "-1", "1x", "1kbb", "1bb", "1 k b"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn command_lines_are_split_as_the_reference_splits_them() {
        for (line, words) in [
            ("a b  c", &["a", "b", "c"][..]),
            ("sh -c 'a \"b\"' \"c d\"", &["sh", "-c", "a \"b\"", "c d"]),
            ("a\\ b ''", &["a b", ""]),
            ("a && b", &["a"]),
            ("a 2>x", &["a"]),
            ("echo $(a b)", &["echo", "$(a b)"]),
            ("", &[]),
        ] {
            assert_eq!(shell_words(line).unwrap(), words, "{line}");
        }
        for wrong in ["'a", "a\\", "(a)", "a)", "`a"] {
            assert!(shell_words(wrong).is_err(), "{wrong}");
        }
    }
}
