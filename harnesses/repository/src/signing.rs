//! Strings that may sign tokens, and whether they stand in the repository as what the service really uses.
//!
//! Generous on purpose: a string counts for something only when a token's signature verifies with it.

use std::collections::BTreeMap;

use grader_model::Snapshot;
use harness_kit::facts::SecretHint;

use crate::code::{Code, Kind};
use crate::{env_text, tree};

/// Strings that are handed on.
const MOST: usize = 300;

type Environment = BTreeMap<String, BTreeMap<String, String>>;

/// Whether a name is that of a signing secret.
pub(crate) fn names_secret(name: &str) -> bool {
    if name.len() > 60 {
        return false;
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let about_time = ["expire", "expiry", "ttl", "lifetime", "minutes", "seconds", "algorithm", "length"]
        .iter()
        .any(|word| plain.contains(word));
    let secret = [
        "secret",
        "jwtkey",
        "signingkey",
        "signkey",
        "tokenkey",
        "appkey",
        "privatekey",
        "authkey",
        "encryptionkey",
        "hmackey",
        "keymaterial",
    ];
    !about_time && (secret.iter().any(|word| plain.contains(word)) || plain == "jwt" || plain.ends_with("jwt"))
}

/// Every candidate of the tree and the environment; each value once, committed before not.
pub(crate) fn read(snapshot: &Snapshot, environment: &Environment) -> Vec<SecretHint> {
    let mut found = Found::default();
    let texts = tree::texts(snapshot);
    for (path, text) in &texts {
        if env_text::is_settings(path) {
            for assignment in env_text::read(text).into_iter().filter(|assignment| names_secret(&assignment.name)) {
                found.add(&assignment.value, format!("{path}:{}", assignment.line), !tree::is_example(path));
            }
        } else if is_configuration(path) {
            configured(&mut found, path, text);
        }
    }
    for (path, text, language) in tree::sources(snapshot) {
        let lower = text.to_ascii_lowercase();
        if ["secret", "jwt", "token", "signing"].iter().any(|word| lower.contains(word)) {
            coded(&mut found, path, &Code::read(text, language));
        }
    }
    for (service, variables) in environment {
        for (name, value) in variables.iter().filter(|(name, _)| names_secret(name)) {
            // What the tree holds was found there with its place; the rest was made for this run.
            found.add(value, format!("{name} in the environment of {service}"), false);
        }
    }
    found.hints.sort_by_key(|hint| !hint.committed);
    found.hints.truncate(MOST);
    found.hints
}

#[derive(Default)]
struct Found {
    hints: Vec<SecretHint>,
}

impl Found {
    fn add(&mut self, value: &str, place: String, committed: bool) {
        let fits = (1..=400).contains(&value.len()) && !value.contains('\n') && !value.contains("${");
        if !fits || self.hints.len() > 4 * MOST {
            return;
        }
        match self.hints.iter_mut().find(|hint| hint.value == value) {
            Some(known) if committed && !known.committed => {
                *known = SecretHint { value: value.to_owned(), place, committed }
            }
            Some(_) => {}
            None => self.hints.push(SecretHint { value: value.to_owned(), place, committed }),
        }
    }
}

fn is_configuration(path: &str) -> bool {
    let name = tree::file_name(path);
    matches!(tree::extension(name), "yml" | "yaml" | "json" | "toml" | "properties" | "ini" | "conf" | "cfg")
        && !matches!(name, "package.json" | "package-lock.json" | "composer.lock" | "pnpm-lock.yaml" | "tsconfig.json")
        || name.starts_with("Dockerfile")
}

/// `name: value` and `name = value` of YAML, JSON, TOML, properties and Dockerfiles.
fn configured(found: &mut Found, path: &str, text: &str) {
    for (number, line) in text.lines().enumerate().take(20_000) {
        if line.len() > 1_000 {
            continue;
        }
        let line = line.trim().trim_start_matches("- ").trim_start_matches("ENV ").trim_start_matches("ARG ");
        let Some((name, value)) = line.split_once([':', '=']) else { continue };
        let name = name.trim().trim_matches(['"', '\'']);
        if !names_secret(name) {
            continue;
        }
        let value = value.trim().trim_end_matches(',').trim().trim_matches(['"', '\'']);
        let committed = !tree::is_example(path) && !tree::is_test(path);
        let place = format!("{path}:{}", number + 1);
        match env_text::fallback(value) {
            Some(value) => found.add(value, place, committed),
            // Spring: `${JWT_SECRET:default}`.
            None => {
                if let Some((_, default)) = value
                    .strip_prefix("${")
                    .and_then(|rest| rest.strip_suffix('}'))
                    .and_then(|inner| inner.split_once(':'))
                    .filter(|(_, default)| !default.starts_with(['?', '-']))
                {
                    found.add(default, place, committed);
                }
            }
        }
    }
}

/// Literals that follow a name of a secret, and literals among the arguments of what signs.
fn coded(found: &mut Found, path: &str, code: &Code<'_>) {
    for at in 0..code.len() {
        let token = code.tokens[at];
        if token.kind == Kind::Mark || token.text.len() > 60 {
            continue;
        }
        let signs = matches!(
            token.text,
            "sign"
                | "encode"
                | "verify"
                | "decode"
                | "SignedString"
                | "hmacShaKeyFor"
                | "from_secret"
                | "byte"
                | "jwt"
                | "JwtModule"
                | "signWith"
        );
        if !names_secret(token.text) && !signs {
            continue;
        }
        let reach = if signs { 24 } else { 14 };
        for next in at + 1..code.len().min(at + reach) {
            if code.line(next) > token.line + 3 {
                break;
            }
            let Some(text) = code.literal(next) else { continue };
            // The name of a variable is no value, nor is an algorithm or a path of a file.
            let name = text.len() > 3
                && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
                && names_secret(text);
            let known =
                matches!(text, "HS256" | "HS384" | "HS512" | "RS256" | "utf-8" | "utf8" | "hex" | "base64" | "Bearer");
            if !name && !known {
                found.add(text, format!("{path}:{}", code.line(next)), true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    fn has(files: &[(&str, &str)], value: &str) -> Option<bool> {
        let found = read(&snapshot(files), &BTreeMap::new());
        found.iter().find(|hint| hint.value == value).map(|hint| hint.committed)
    }

    #[test]
    fn what_stands_in_the_tree_is_committed_and_examples_are_not() {
        assert_eq!(has(&[(".env", "JWT_SECRET=abc")], "abc"), Some(true));
        assert_eq!(has(&[(".env.example", "JWT_SECRET=abc")], "abc"), Some(false));
        assert_eq!(
            has(&[(".env.example", "JWT_SECRET=abc"), ("compose.yaml", "      JWT_SECRET: ${JWT_SECRET:-abc}")], "abc"),
            Some(true)
        );
        assert_eq!(has(&[("compose.yaml", "      - JWT_SECRET=abc")], "abc"), Some(true));
        assert_eq!(has(&[("compose.yaml", "      JWT_SECRET: ${JWT_SECRET:?must be set}")], "must be set"), None);
    }

    #[test]
    fn defaults_of_code_in_each_language() {
        for (path, text) in [
            ("a.py", "SECRET_KEY = os.getenv('SECRET_KEY', 'abc')"),
            ("b.py", "class S(BaseSettings):\n    secret_key: str = 'abc'"),
            ("c.py", "return value if value.get_secret_value() else SecretStr('abc')"),
            ("d.js", "jwt.sign({ id }, process.env.JWT_SECRET || 'abc', { expiresIn: '1h' })"),
            ("e.js", "const token = jwt.sign({ id: user.id }, 'abc')"),
            ("f.ts", "JwtModule.register({ secret: 'abc', signOptions: {} })"),
            ("g.go", "var jwtKey = []byte(\"abc\")"),
            ("H.java", "private static final String SECRET = \"abc\";"),
            ("application.properties", "app.jwt.secret=abc"),
            ("application.yml", "jwt:\n  secret: ${JWT_SECRET:abc}"),
            ("i.rs", "EncodingKey::from_secret(\"abc\".as_ref())"),
            ("j.php", "'secret' => env('JWT_SECRET', 'abc'),"),
        ] {
            assert_eq!(has(&[(path, text)], "abc"), Some(true), "{path}");
        }
        assert_eq!(has(&[("tests/a.py", "SECRET_KEY = 'abc'")], "abc"), None);
    }
}
