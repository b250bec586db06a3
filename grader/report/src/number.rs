//! Numbers as people read them.

/// A number with at most two decimals and no idle zeros: `16.4`, `20`, `3.25`.
pub(crate) fn decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Milliseconds in the unit that suits them: `840 ms`, `12.4 s`, `3 min 5 s`.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        // The upper bound keeps a rounded "60.0 s" from appearing.
        1_000..59_950 => format!("{}.{} s", (millis + 50) / 1000, (millis + 50) % 1000 / 100),
        _ => {
            let seconds = (millis + 500) / 1000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// `1 probe`, `4 probes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_lose_idle_zeros_only() {
        for (value, text) in [(16.4, "16.4"), (20.0, "20"), (3.25, "3.25"), (0.0, "0"), (-0.001, "0"), (100.0, "100")] {
            assert_eq!(decimal(value), text);
        }
    }

    #[test]
    fn durations_change_unit_without_a_gap() {
        let cases =
            [(999, "999 ms"), (1_000, "1.0 s"), (59_949, "59.9 s"), (59_950, "1 min 0 s"), (185_000, "3 min 5 s")];
        for (millis, text) in cases {
            assert_eq!(duration(millis), text);
        }
    }
}
