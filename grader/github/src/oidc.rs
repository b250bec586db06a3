//! A workflow's own token (OIDC), by which an Action proves where it runs without holding any secret.
//!
//! GitHub signs who asks: the repository, the workflow file and its ref, the event and the commit. What is graded is
//! taken from these claims and never from what the workflow says, so a workflow that a pull request changed gains
//! nothing: it can ask for a run of its own head, whose candidate's view it may see anyway.

mod claims;
mod keys;
#[cfg(test)]
pub(crate) use claims::tests as tests_claims;

pub use claims::Claims;
use keys::Keys;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use time::{Duration, OffsetDateTime};

use crate::app::GithubError;
use crate::{Ledger, LedgerError, Once};

/// The issuer of github.com's workflow tokens.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Seconds that two clocks may differ.
const LEEWAY: u64 = 60;
/// The longest token that is looked at, bytes. GitHub's have about two thousand.
const LONGEST: usize = 16 * 1024;
/// The longest life of a token that is believed; GitHub's live ten minutes or less.
const LIFE: Duration = Duration::HOUR;

/// Why a token is not taken. All but the last two are the caller's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token, none in this form, or one of a key that the issuer does not have.
    #[error("the token cannot be read: {0}")]
    Unreadable(String),
    /// Signed otherwise, for somebody else, by somebody else, too early or too late.
    #[error("the token is not valid here: {0}")]
    Invalid(String),
    /// It was used before.
    #[error("the token was used before")]
    Replayed,
    /// The issuer's keys could not be had.
    #[error("the issuer's keys cannot be had: {0}")]
    Keys(String),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Verifies tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Keys,
}

impl Verifier {
    /// `audience` is what the workflow has to ask its token for: this service's own address.
    ///
    /// # Errors
    /// [`GithubError::Client`].
    pub fn new(issuer: &str, audience: &str) -> Result<Self, GithubError> {
        Ok(Verifier {
            issuer: issuer.trim_end_matches('/').to_owned(),
            audience: audience.trim_end_matches('/').to_owned(),
            keys: Keys::new(issuer)?,
        })
    }

    /// The audience that tokens are taken for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Verifies `token` and uses it up: signature (RS256 alone), issuer, audience, life, and that it comes for the
    /// first time.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str, ledger: &dyn Ledger) -> Result<Claims, TokenError> {
        if token.is_empty() || token.len() > LONGEST {
            return Err(TokenError::Unreadable(format!("it has {} bytes", token.len())));
        }
        let header = decode_header(token).map_err(|error| TokenError::Unreadable(error.to_string()))?;
        // Before any key is fetched: `none` and symmetric algorithms have no place here.
        if header.alg != Algorithm::RS256 {
            return Err(TokenError::Invalid(format!("it is signed by {:?}", header.alg)));
        }
        let kid = header.kid.ok_or_else(|| TokenError::Unreadable("it names no key".to_owned()))?;
        let key = self.keys.get(&kid).await?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims =
            decode::<Claims>(token, &key, &validation).map_err(|error| TokenError::Invalid(error.to_string()))?.claims;
        let expires = claims.expires().filter(|expires| *expires < OffsetDateTime::now_utc() + LIFE);
        let expires = expires.ok_or_else(|| TokenError::Invalid("it lives too long".to_owned()))?;
        // Kept past its end by the leeway, in which it would still be taken.
        let until = expires + Duration::seconds(2 * LEEWAY as i64);
        if !ledger.take(Once::Token, &claims.jti, until).await? {
            return Err(TokenError::Replayed);
        }
        Ok(claims)
    }
}
