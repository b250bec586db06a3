//! Who makes a request: read from `Authorization: Bearer …` or from the session's cookie.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use grader_store::{Role, Scope, Scopes, Session, SessionOf, Timestamp};

use super::secrets::digest;
use crate::state::App;
use crate::web::Problem;

/// The session's cookie. Its name binds it to this host where connections are encrypted.
pub(crate) const COOKIE: [&str; 2] = ["__Host-grader", "grader"];

/// Somebody who may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// A user's name, or `token:` and a token's name.
    pub name: String,
    pub scopes: Scopes,
    /// The user's role; `None` for a token.
    pub role: Option<Role>,
    pub(crate) via: Via,
}

/// How they showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    Bearer,
    /// With what the forms of the session carry.
    Cookie {
        csrf: String,
    },
}

impl Principal {
    /// # Errors
    /// A 403 problem that names the scope.
    pub fn need(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.has(scope) { Ok(()) } else { Err(Problem::forbidden(scope)) }
    }

    /// What the forms of the session carry; empty without a session.
    pub fn csrf(&self) -> &str {
        match &self.via {
            Via::Cookie { csrf } => csrf,
            Via::Bearer => "",
        }
    }

    /// Whether a form came from one of our own pages.
    ///
    /// # Errors
    /// A 403 problem.
    pub fn check_csrf(&self, shown: &str) -> Result<(), Problem> {
        match &self.via {
            Via::Bearer => Ok(()),
            Via::Cookie { csrf } if !csrf.is_empty() && digest(csrf) == digest(shown) => Ok(()),
            Via::Cookie { .. } => Err(Problem::foreign_form()),
        }
    }

    fn of(session: Session) -> Self {
        let via = Via::Cookie { csrf: session.csrf };
        match session.of {
            SessionOf::User(user) => {
                Principal { name: user.name, scopes: user.role.scopes(), role: Some(user.role), via }
            }
            SessionOf::Token(token) => {
                Principal { name: format!("token:{}", token.name), scopes: token.scopes, role: None, via }
            }
        }
    }
}

/// Who makes the request, if anybody whom we know.
async fn principal(headers: &HeaderMap, app: &App) -> Result<Option<Principal>, Problem> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|value| {
            let (scheme, secret) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
        });
        let Some(secret) = secret else { return Ok(None) };
        if secret.starts_with("grs_") {
            let session = app.store.session(&digest(secret)).await?;
            return Ok(session.map(|session| Principal { via: Via::Bearer, ..Principal::of(session) }));
        }
        return by_bearer(secret, app).await;
    }
    let Some(secret) = cookie(headers, COOKIE[usize::from(!app.config.secure_cookies())]) else { return Ok(None) };
    Ok(app.store.session(&digest(secret)).await?.map(Principal::of))
}

async fn by_bearer(secret: &str, app: &App) -> Result<Option<Principal>, Problem> {
    let Some(token) = super::sign_in::good_token(app, secret).await? else { return Ok(None) };
    if app.verifier.note_use(secret, &token.hash) {
        app.store.token_used(&token.id).await?;
    }
    let name = format!("token:{}", token.name);
    Ok(Some(Principal { name, scopes: token.scopes, role: None, via: Via::Bearer }))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE_HEADER).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        <Self as OptionalFromRequestParts<App>>::from_request_parts(parts, app).await?.ok_or_else(Problem::unauthorized)
    }
}

impl OptionalFromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        if let Some(known) = parts.extensions.get::<Option<Principal>>() {
            return Ok(known.clone());
        }
        let found = principal(&parts.headers, app).await?;
        // A browser sends its cookie along with what a foreign page makes it ask for: what changes something through the
        // API has to show the session's own word as well. Pages check it in their forms.
        if let Some(found) = &found
            && parts.uri.path().starts_with("/api/")
            && !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
        {
            let shown = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
            found.check_csrf(shown)?;
        }
        parts.extensions.insert(found.clone());
        Ok(found)
    }
}

/// When a session that begins now ends.
pub(crate) fn session_end(app: &App) -> Timestamp {
    Timestamp::now().after(app.config.session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE_HEADER, "a=1; grader=grs_x; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, "grader"), Some("grs_x"));
        assert_eq!(cookie(&headers, "rader"), None);
    }

    #[test]
    fn a_form_shows_the_sessions_word() {
        let via = Via::Cookie { csrf: "abc".to_owned() };
        let principal = Principal { name: "a".into(), scopes: Scopes::default(), role: None, via };
        assert!(principal.check_csrf("abc").is_ok());
        assert!(principal.check_csrf("").is_err() && principal.check_csrf("abd").is_err());
    }
}
