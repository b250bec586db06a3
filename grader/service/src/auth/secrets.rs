//! Making secrets and their hashes.
//!
//! A token is `grt_PREFIX_SECRET`: the prefix finds its row, the whole is hashed by Argon2id with OWASP's parameters
//! (19 MiB, two passes), like a password. A session's secret is random and long, so that a plain digest of it is enough.

use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader_store::{NewToken, Role, Scopes, Store, StoreError, Timestamp, Token};
use sha2::{Digest as _, Sha256};

/// `N` bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's source does not fail once the system runs; going on with a known secret would be worse than ending.
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// The hex digest by which a session is found.
pub(crate) fn digest(secret: &str) -> String {
    format!("{:x}", Sha256::digest(secret))
}

pub(crate) fn argon() -> Argon2<'static> {
    // OWASP's second choice of parameters; they are within the algorithm's bounds.
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The PHC string of a password or token. Takes tens of milliseconds and 19 MiB: not for an async thread.
pub(crate) fn hashed(secret: &str) -> Result<String, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { what: "secret", why };
    let salt = SaltString::encode_b64(&random::<16>()).map_err(|error| unreadable(error.to_string()))?;
    let hash = argon().hash_password(secret.as_bytes(), &salt).map_err(|error| unreadable(error.to_string()))?;
    Ok(hash.to_string())
}

/// Makes a token and keeps its hash. The token itself is given back this once.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn issue_token(
    store: &Store,
    name: &str,
    scopes: Scopes,
    lasts: Option<Duration>,
    by: &str,
) -> Result<(String, Token), StoreError> {
    let prefix: String = random::<5>().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("grt_{prefix}_{}", URL_SAFE_NO_PAD.encode(random::<32>()));
    let hash = in_background(token.clone()).await?;
    let kept = NewToken {
        name: name.to_owned(),
        prefix,
        hash,
        scopes,
        created_by: by.to_owned(),
        expires_at: lasts.map(|lasts| Timestamp::now().after(lasts)),
    };
    Ok((token, store.add_token(&kept).await?))
}

/// Makes a user, or gives one that is there a new password and role.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_password(store: &Store, name: &str, role: Role, password: &str) -> Result<(), StoreError> {
    let hash = in_background(password.to_owned()).await?;
    match store.user_named(name).await? {
        Some(user) => store.change_user(&user.id, Some(role), Some(&hash), Some(true)).await,
        None => store.add_user(name, role, Some(&hash)).await.map(|_| ()),
    }
}

pub(crate) async fn in_background(secret: String) -> Result<String, StoreError> {
    tokio::task::spawn_blocking(move || hashed(&secret))
        .await
        .map_err(|error| StoreError::Unreadable { what: "secret", why: error.to_string() })?
}
