//! `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+text}` in the parts of a Dockerfile that name images.

/// Fills in variables; `None` when the text is no such thing, or asks for a variable that must be set and is not.
pub(super) fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let end = closing(inner)?;
            out.push_str(&braced(&inner[..end], value)?);
            rest = &inner[end + 1..];
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            out.push_str(&value(&rest[..end]).unwrap_or_default());
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    Some(out)
}

fn braced(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, operator) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let found = value(name);
    let (colon, operator) = match operator.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let set = found.clone().filter(|value| !colon || !value.is_empty());
    match operator.chars().next() {
        None if !colon => Some(found.unwrap_or_default()),
        Some('-') => set.map_or_else(|| expand(&operator[1..], value), Some),
        Some('+') => set.map_or_else(|| Some(String::new()), |_| expand(&operator[1..], value)),
        Some('?') => set,
        _ => None,
    }
}

/// Where the brace that is open closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_as_the_builder_does() {
        let value = |name: &str| match name {
            "V" => Some("3.11".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("python:$V-slim", Some("python:3.11-slim")),
            ("python:${V}", Some("python:3.11")),
            ("python:${X:-3.12}", Some("python:3.12")),
            ("python:${EMPTY:-3.12}", Some("python:3.12")),
            ("python:${EMPTY-3.12}", Some("python:")),
            ("python:3${V:+-slim}", Some("python:3-slim")),
            ("python:${X:-${V}}", Some("python:3.11")),
            ("${X:?must be set}", None),
            ("python:${V", None),
            ("python:$", None),
        ] {
            assert_eq!(expand(text, &value).as_deref(), expected, "{text}");
        }
    }
}
