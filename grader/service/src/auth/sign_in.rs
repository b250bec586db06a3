//! Signing in and out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader_store::{Session, SessionOf, Timestamp, Token};

use super::COOKIE;
use super::principal::session_end;
use super::secrets::{digest, random};
use crate::state::App;
use crate::web::Problem;

/// A new session.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// What the browser or program holds; it is not kept here.
    pub(crate) secret: String,
    pub(crate) session: Session,
}

/// Signs a user in. `from` is the caller's address.
///
/// # Errors
/// 401 for whatever is wrong of the two; 429 after too many tries.
pub(crate) async fn by_password(app: &App, name: &str, password: &str, from: &str) -> Result<SignedIn, Problem> {
    for who in [format!("address {from}"), format!("name {name}")] {
        app.verifier.tries.take(&who).map_err(|wait| Problem::too_many(wait.retry_after))?;
    }
    let user = app.store.user_named(name).await?.filter(|user| user.disabled_at.is_none());
    let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
    let good = app.verifier.password(password, hash).await;
    match user.filter(|_| good) {
        Some(user) => begin(app, SessionOf::User(user)).await,
        None => Err(Problem::wrong_password()),
    }
}

/// Signs in with a token.
///
/// # Errors
/// As [`by_password`].
pub(crate) async fn by_token(app: &App, token: &str, from: &str) -> Result<SignedIn, Problem> {
    app.verifier.tries.take(&format!("address {from}")).map_err(|wait| Problem::too_many(wait.retry_after))?;
    match good_token(app, token).await? {
        Some(token) => begin(app, SessionOf::Token(token)).await,
        None => Err(Problem::wrong_password()),
    }
}

/// Ends the session of a secret.
pub(crate) async fn sign_out(app: &App, secret: &str) -> Result<(), Problem> {
    Ok(app.store.end_session(&digest(secret)).await?)
}

/// The kept token, if the one that is shown is good.
pub(super) async fn good_token(app: &App, shown: &str) -> Result<Option<Token>, Problem> {
    let Some((prefix, _)) = shown.strip_prefix("grt_").and_then(|rest| rest.split_once('_')) else { return Ok(None) };
    // A row is found only by a prefix of the form that we make.
    if prefix.len() != 10 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let Some(token) = app.store.token_by_prefix(prefix).await? else { return Ok(None) };
    let good = token.is_good(Timestamp::now()) && app.verifier.token(shown, &token.hash).await;
    Ok(good.then_some(token))
}

async fn begin(app: &App, of: SessionOf) -> Result<SignedIn, Problem> {
    let secret = format!("grs_{}", URL_SAFE_NO_PAD.encode(random::<32>()));
    let session =
        Session { id: digest(&secret), of, csrf: URL_SAFE_NO_PAD.encode(random::<24>()), expires_at: session_end(app) };
    app.store.add_session(&session).await?;
    Ok(SignedIn { secret, session })
}

/// The `Set-Cookie` of a new session.
pub(crate) fn cookie(app: &App, signed_in: &SignedIn) -> String {
    set(app, &signed_in.secret, app.config.session.as_secs())
}

/// The `Set-Cookie` that takes it away.
pub(crate) fn no_cookie(app: &App) -> String {
    set(app, "", 0)
}

fn set(app: &App, value: &str, seconds: u64) -> String {
    let secure = app.config.secure_cookies();
    let name = COOKIE[usize::from(!secure)];
    let only = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{only}")
}
