//! `auth.token.secret`: the secret that signs tokens cannot be guessed. Tried offline, on a token that the API gave.
//!
//! What is tried: a small dictionary of what tutorials and frameworks use, and the strings of the tree and the environment
//! that the host found. What a match means:
//! - in the dictionary: **fail**, wherever it stands; anybody who tries the usual ones signs tokens;
//! - committed as what the service really uses (a default in code or compose, a committed `.env`): **fail**;
//! - only the placeholder of an example file (`.env.example`), which was taken because the real file is rightly not
//!   committed: it is not the candidate's production secret, so **pass** with a note; if it is in the dictionary too,
//!   **partial**: whoever copies the example gets a guessable secret, and the service does not refuse it;
//! - only in the environment that was made for this run: **pass**.
//!
//! A token signed with a private key has no secret to guess; a key that is committed is `auth.secrets-in-repo`'s finding.
//! Planted defect: `auth-token-secret` of the FastAPI submission.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use grader_model::{Evidence, Finding};
use harness_kit::facts::SecretHint;
use harness_kit::{Context, Probe, Stop};

use super::jwt::{Algorithm, Token};
use super::support;

/// One secret a line; a line that starts with `# ` is a comment.
const DICTIONARY: &str = include_str!("secrets.txt");

pub(crate) struct TokenSecret;

#[async_trait]
impl Probe for TokenSecret {
    fn id(&self) -> &'static str {
        "auth.token.secret"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let account = ctx.account().await?;
        let (header, _) = support::jwt(&account.session)?;
        let expected = "a secret that is in no dictionary and not in the repository";
        let evidence = ctx.recorder().evidence(&account.login);
        let Some((token, algorithm)) = Token::parse(&account.session.token).zip(Algorithm::of(&header)) else {
            let name = header.get("alg").and_then(|alg| alg.as_str()).unwrap_or("an unnamed algorithm");
            return Ok(Finding::pass(self.id(), format!("Tokens are signed with {name}: there is no secret to guess"))
                .expected(expected)
                .actual(format!("signed with {name}"))
                .evidence(evidence));
        };
        let own = about(&ctx.spec().id);
        let guesses = || dictionary().map(str::to_owned).chain(own.iter().cloned());
        let guessed = guesses().find(|secret| signs(&token, secret));
        let known: Vec<&SecretHint> = ctx.facts().secrets.iter().filter(|hint| signs(&token, &hint.value)).collect();
        let origin = Origin::of(&known);
        let tried = guesses().count() + ctx.facts().secrets.len();
        let note = |text: String| Evidence::note(text);
        let finding = match (guessed, origin) {
            (Some(secret), Origin::Example(place)) => Finding::partial(
                self.id(),
                0.5,
                format!(
                    "Tokens are signed with the guessable placeholder of {place}, which the service takes as it is"
                ),
            )
            .actual(format!("signed with `{secret}`, the placeholder of {place}"))
            .evidence(note(format!("the token's {} signature verifies with `{secret}`", algorithm.name()))),
            (Some(secret), _) => Finding::fail(self.id(), format!("The signing secret is guessable: `{secret}`"))
                .actual(format!("signed with `{secret}`"))
                .evidence(note(format!("the token's {} signature verifies with `{secret}`", algorithm.name())))
                .evidences(known.iter().map(|hint| note(format!("it stands in {}", hint.place)))),
            (None, Origin::Committed(place)) => {
                Finding::fail(self.id(), format!("The signing secret is in the repository: {place}"))
                    .actual(format!("signed with the value in {place}"))
                    .evidence(note(format!(
                        "the token's {} signature verifies with the value in {place}",
                        algorithm.name()
                    )))
            }
            (None, Origin::Example(place)) => {
                ctx.observe(format!(
                    "tokens of this run are signed with the placeholder of {place}: the real file is not committed, as it \
                     should be"
                ));
                Finding::pass(
                    self.id(),
                    "The signing secret is only the example file's placeholder, taken for this run",
                )
                .actual(format!("signed with the placeholder of {place}"))
            }
            (None, Origin::Elsewhere) => Finding::pass(
                self.id(),
                format!("None of {tried} usual secrets and strings of the tree signs the token"),
            )
            .actual("signed with none of them"),
        };
        Ok(finding.expected(expected).evidence(evidence))
    }
}

fn dictionary() -> impl Iterator<Item = &'static str> {
    DICTIONARY.lines().filter(|line| !line.starts_with("# "))
}

/// What people make of the assessment's own name.
fn about(name: &str) -> Vec<String> {
    let endings =
        ["", "-secret", "_secret", "secret", "-secret-key", "_secret_key", "-jwt-secret", "_jwt_secret", "123"];
    endings.iter().map(|ending| format!("{name}{ending}")).collect()
}

/// Where the secret that signs stands.
#[derive(Debug, PartialEq)]
enum Origin {
    Committed(String),
    Example(String),
    /// Nowhere that was read, or only in the environment of this run.
    Elsewhere,
}

impl Origin {
    fn of(known: &[&SecretHint]) -> Self {
        let committed: Vec<&&SecretHint> = known.iter().filter(|hint| hint.committed).collect();
        if let Some(hint) = committed.iter().find(|hint| !is_example(&hint.place)) {
            return Origin::Committed(hint.place.clone());
        }
        match known.iter().find(|hint| is_example(&hint.place)) {
            Some(hint) => Origin::Example(hint.place.clone()),
            None => Origin::Elsewhere,
        }
    }
}

/// Whether a place (`path:line`) is a file that shows how another one is to be filled in.
fn is_example(place: &str) -> bool {
    let name = place.rsplit('/').next().unwrap_or(place).to_lowercase();
    ["example", "sample", "template", ".dist", "-dist"].iter().any(|word| name.contains(word))
}

/// Whether the token was signed with `secret`, as it stands or decoded as libraries take their keys.
fn signs(token: &Token, secret: &str) -> bool {
    let secret = secret.trim();
    let unpadded = secret.trim_end_matches('=');
    let decoded = [STANDARD_NO_PAD.decode(unpadded).ok(), URL_SAFE_NO_PAD.decode(unpadded).ok(), hex(secret)];
    token.is_signed_with(secret.as_bytes())
        || decoded.into_iter().flatten().filter(|key| !key.is_empty()).any(|key| token.is_signed_with(&key))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::jwt::sign;

    fn token(key: &[u8]) -> Token {
        let text = sign(&json!({"alg": "HS256"}), &json!({"sub": "1"}), Algorithm::Hs256, key);
        Token::parse(&text).expect("a token")
    }

    fn hint(place: &str, committed: bool) -> SecretHint {
        SecretHint { value: "x".to_owned(), place: place.to_owned(), committed }
    }

    #[test]
    fn the_usual_ones_are_found() {
        for secret in ["secret", "changeme", "your-256-bit-secret", "keyboard cat"] {
            let token = token(secret.as_bytes());
            assert_eq!(dictionary().find(|guess| signs(&token, guess)), Some(secret));
        }
        let token = token(b"kU2mB9sQ0xw7N1yZr4tV6pLe8cGh3aJd");
        assert_eq!(dictionary().find(|guess| signs(&token, guess)), None);
    }

    #[test]
    fn keys_are_found_behind_their_encoding() {
        let key = [7_u8, 200, 33, 4, 5, 6, 7, 8];
        assert!(signs(&token(&key), "07c8210405060708"));
        assert!(signs(&token(&key), "B8ghBAUGBwg="));
        assert!(!signs(&token(&key), "07c8210405060709"));
    }

    #[test]
    fn the_dictionary_holds_what_it_says() {
        let mut words: Vec<&str> = dictionary().collect();
        assert!(words.len() >= 200, "{}", words.len());
        assert!(words.iter().all(|word| !word.is_empty()));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), dictionary().count(), "each stands in it once");
    }

    #[test]
    fn an_example_file_is_not_the_real_one() {
        assert_eq!(Origin::of(&[&hint(".env.example:3", true)]), Origin::Example(".env.example:3".to_owned()));
        let both = [&hint("deploy/.env.sample:3", true), &hint("app/config.py:9", true)];
        assert_eq!(Origin::of(&both), Origin::Committed("app/config.py:9".to_owned()));
        assert_eq!(Origin::of(&[&hint("environment of api", false)]), Origin::Elsewhere);
        assert_eq!(Origin::of(&[]), Origin::Elsewhere);
    }
}
