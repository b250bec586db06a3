//! An issuer's public keys: found by its discovery document, kept, and asked for again when a token names another.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::TokenError;
use crate::app::{GithubError, bounded};
use crate::place::is_safe;

/// How long keys are believed without asking again.
const FRESH: Duration = Duration::from_secs(3600);
/// Tokens that name keys which are not there make nobody ask the issuer more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(30);
/// Of the discovery document and of the key set, bytes.
const LONGEST: usize = 256 * 1024;
const ANSWER: Duration = Duration::from_secs(10);

/// The keys of one issuer.
pub(super) struct Keys {
    issuer: String,
    http: reqwest::Client,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: HashMap<String, DecodingKey>,
    asked: Option<Instant>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new(issuer: &str) -> Result<Self, GithubError> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(GithubError::Client)?;
        Ok(Keys { issuer: issuer.trim_end_matches('/').to_owned(), http, kept: Mutex::default() })
    }

    /// The key called `kid`.
    ///
    /// # Errors
    /// [`TokenError::Unreadable`] where the issuer has none of that name; [`TokenError::Keys`] where it cannot be asked.
    pub(super) async fn get(&self, kid: &str) -> Result<DecodingKey, TokenError> {
        // Held while the issuer is asked: of many tokens at once, one asks.
        let mut kept = self.kept.lock().await;
        let age = kept.asked.map(|asked| asked.elapsed());
        let known = kept.keys.get(kid).cloned();
        let ask = match age {
            None => true,
            Some(age) => age > FRESH || (known.is_none() && age > AT_MOST_EVERY),
        };
        if ask {
            match self.ask().await {
                Ok(keys) => *kept = Kept { keys, asked: Some(Instant::now()) },
                // Known keys outlive an issuer that is away for a while.
                Err(error) if known.is_none() => return Err(error),
                Err(_) => {}
            }
        }
        let found = kept.keys.get(kid).cloned();
        found.ok_or_else(|| TokenError::Unreadable("the issuer has no key of that name".to_owned()))
    }

    async fn ask(&self) -> Result<HashMap<String, DecodingKey>, TokenError> {
        let place = format!("{}/.well-known/openid-configuration", self.issuer);
        let discovery: Discovery = self.read(&place).await?;
        if discovery.issuer.trim_end_matches('/') != self.issuer {
            return Err(TokenError::Keys(format!("{place} is about another issuer")));
        }
        if !Url::parse(&discovery.jwks_uri).is_ok_and(|keys| is_safe(&keys)) {
            return Err(TokenError::Keys(format!("{place} names keys where others could answer")));
        }
        let set: JwkSet = self.read(&discovery.jwks_uri).await?;
        // Keys for something else, or of a kind that is not known here, are no reason to refuse the others.
        let usable =
            set.keys.iter().filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?)));
        Ok(usable.collect())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, place: &str) -> Result<T, TokenError> {
        let trouble = |reason: String| TokenError::Keys(format!("{place}: {reason}"));
        let answer = self.http.get(place).send().await.map_err(|error| trouble(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(trouble(answer.status().to_string()));
        }
        let body = bounded(answer, LONGEST).await.map_err(|error| trouble(error.to_string()))?;
        serde_json::from_slice(&body).map_err(|error| trouble(error.to_string()))
    }
}
