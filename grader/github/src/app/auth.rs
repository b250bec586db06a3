//! The App's own token, and the installations' tokens that it is exchanged for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::Secret;

/// GitHub refuses tokens from the future; its clock and ours may differ by this.
const BACKDATED: Duration = Duration::seconds(60);
/// GitHub takes ten minutes at most, the minute of backdating included.
const LIFE: Duration = Duration::minutes(9);
/// A token that ends sooner than this is not used for anything new.
const MARGIN: Duration = Duration::minutes(5);

/// The key is none.
#[derive(Debug, thiserror::Error)]
#[error("the App's private key cannot be read as an RSA key in PEM: {0}")]
pub struct KeyError(#[from] jsonwebtoken::errors::Error);

/// What the App signs its requests with.
#[derive(Clone)]
pub struct AppKey {
    id: u64,
    key: Arc<EncodingKey>,
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct AppClaims {
    iat: i64,
    exp: i64,
    iss: String,
}

impl AppKey {
    /// The App's `id` and its private key as GitHub hands it out (PKCS#1, PEM; PKCS#8 is taken as well).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(id: u64, pem: &Secret) -> Result<Self, KeyError> {
        Ok(AppKey { id, key: Arc::new(EncodingKey::from_rsa_pem(pem.expose().as_bytes())?) })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// A token for requests as the App itself (RS256).
    ///
    /// # Errors
    /// [`KeyError`] where the key does not sign.
    pub(crate) fn token(&self, now: OffsetDateTime) -> Result<Secret, KeyError> {
        let claims = AppClaims {
            iat: (now - BACKDATED).unix_timestamp(),
            exp: (now + LIFE).unix_timestamp(),
            iss: self.id.to_string(),
        };
        Ok(Secret::new(encode(&Header::new(Algorithm::RS256), &claims, &self.key)?))
    }
}

/// An installation's token as GitHub answers it.
#[derive(Deserialize)]
pub(crate) struct Granted {
    pub(crate) token: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Grant {
    /// Check runs and comments of every repository of the installation.
    Checks,
    /// Reading the contents of the repository with this number.
    Contents { repository: u64 },
}

impl Grant {
    /// What is asked for, as the API spells it.
    pub(crate) fn asked(self) -> Value {
        match self {
            Grant::Checks => {
                json!({ "permissions": { "checks": "write", "metadata": "read", "pull_requests": "write" } })
            }
            Grant::Contents { repository } => json!({
                "permissions": { "contents": "read", "metadata": "read" },
                "repository_ids": [repository],
            }),
        }
    }
}

/// One token of an installation; the lock is held while a new one is asked for, so that of many callers one asks.
type Slot = Arc<tokio::sync::Mutex<Option<(Secret, OffsetDateTime)>>>;

/// Tokens by installation and what they are good for.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<(u64, Grant), Slot>>);

impl Tokens {
    /// The place of an installation's token.
    pub(crate) fn slot(&self, installation: u64, grant: Grant) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((installation, grant)).or_default().clone()
    }

    pub(crate) fn forget(&self, installation: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != installation);
    }
}

/// The token in a slot, if it is good for a while yet.
pub(crate) fn usable(slot: &Option<(Secret, OffsetDateTime)>, now: OffsetDateTime) -> Option<Secret> {
    slot.as_ref().filter(|(_, expires)| *expires > now + MARGIN).map(|(token, _)| token.clone())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;
    use crate::testing::KEYS;

    #[test]
    fn the_apps_token_is_what_github_asks_for() {
        let now = OffsetDateTime::now_utc();
        let token = AppKey::new(42, &Secret::new(&*KEYS.private)).unwrap().token(now).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&["42"]);
        let key = DecodingKey::from_rsa_pem(KEYS.public.as_bytes()).unwrap();
        let claims = decode::<HashMap<String, serde_json::Value>>(token.expose(), &key, &validation).unwrap().claims;
        let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!(iat < now.unix_timestamp() && exp > now.unix_timestamp() && exp - iat <= 600);
        assert!(AppKey::new(42, &Secret::new("no key")).is_err());
    }

    #[test]
    fn a_token_that_ends_soon_is_not_used() {
        let now = OffsetDateTime::now_utc();
        let slot = |minutes| Some((Secret::new("t"), now + Duration::minutes(minutes)));
        assert!(usable(&slot(6), now).is_some());
        assert!(usable(&slot(4), now).is_none() && usable(&None, now).is_none());
    }
}
