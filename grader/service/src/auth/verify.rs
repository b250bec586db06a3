//! Verifying secrets without letting anybody spend the machine on it: few at a time, a token's only once while nothing
//! about it changed, and tries to sign in counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::PasswordVerifier as _;
use argon2::password_hash::PasswordHash;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::secrets::{argon, hashed};
use crate::web::Limiter;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 1024;

pub(crate) struct Verifier {
    /// Each takes 19 MiB.
    slots: Arc<Semaphore>,
    /// Digest of a token's secret and hash, and when its use was last noted.
    good: Mutex<HashMap<[u8; 32], Option<Instant>>>,
    pub(crate) tries: Limiter,
}

impl Verifier {
    pub(crate) fn new(tries_a_minute: u32) -> Self {
        Verifier { slots: Arc::new(Semaphore::new(2)), good: Mutex::default(), tries: Limiter::new(tries_a_minute) }
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long and is not.
    pub(crate) async fn password(&self, password: &str, hash: Option<&str>) -> bool {
        // Any hash of those parameters: so that a name that is not there takes as long as one that is.
        const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                              4dNNPuzhDMCnbIW8ihcgEVp24XLjVMLPg0wCOJd0m5w";
        let is_there = hash.is_some();
        self.verified(password.to_owned(), hash.unwrap_or(NOBODY).to_owned()).await && is_there
    }

    /// Whether the token is the one of the hash; the second time it is cheap.
    pub(crate) async fn token(&self, token: &str, hash: &str) -> bool {
        let key = key(token, hash);
        if self.remembered().contains_key(&key) {
            return true;
        }
        if !self.verified(token.to_owned(), hash.to_owned()).await {
            return false;
        }
        let mut good = self.remembered();
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(key, None);
        true
    }

    /// Whether it is time to note that the token was used: once a minute is enough.
    pub(crate) fn note_use(&self, token: &str, hash: &str) -> bool {
        let mut good = self.remembered();
        let Some(last) = good.get_mut(&key(token, hash)) else { return false };
        let due = last.is_none_or(|last| last.elapsed() > Duration::from_secs(60));
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    /// The PHC string of a secret; `None` only when the machine fails at it.
    pub(crate) async fn hash(&self, secret: String) -> Option<String> {
        // The semaphore is never closed.
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        let made = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            hashed(&secret)
        });
        made.await.ok()?.ok()
    }

    async fn verified(&self, secret: String, hash: String) -> bool {
        // The semaphore is never closed.
        let Ok(slot) = self.slots.clone().acquire_owned().await else { return false };
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| argon().verify_password(secret.as_bytes(), &hash).is_ok())
        })
        .await
        .unwrap_or(false)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Option<Instant>>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(token: &str, hash: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(token);
    digest.update([0]);
    digest.update(hash);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_secret_is_good() {
        let verifier = Verifier::new(10);
        let hash = hashed("right").unwrap();
        assert!(verifier.password("right", Some(&hash)).await);
        assert!(!verifier.password("wrong", Some(&hash)).await);
        assert!(!verifier.password("right", None).await);
        assert!(verifier.token("right", &hash).await && verifier.token("right", &hash).await);
        assert!(!verifier.token("wrong", &hash).await);
        assert!(verifier.note_use("right", &hash) && !verifier.note_use("right", &hash));
    }
}
