//! Signing in by password or token, and out.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;

use super::frame::{Frame, PageError, Shown, go, page};
use crate::auth::{COOKIE, Principal, by_password, by_token, cookie, no_cookie, sign_out};
use crate::state::App;
use crate::web::Caller;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/login", get(ask).post(sign_in)).route("/logout", post(leave))
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    wrong: String,
    name: String,
    next: String,
    by_token: bool,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn ask(principal: Option<Principal>, Query(Next { next }): Query<Next>) -> Shown {
    if principal.is_some() {
        return Ok(go(own(&next)));
    }
    page(&Login { frame: Frame::outside("Sign in"), wrong: String::new(), name: String::new(), next, by_token: false })
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(State(app): State<App>, caller: Caller, headers: HeaderMap, Form(given): Form<Credentials>) -> Shown {
    // A foreign page could sign a browser in under a name of its own, and read what is done there.
    if !from_here(&app, &headers) {
        return Err(PageError::from(crate::web::Problem::foreign_form()));
    }
    let token = given.token.trim();
    let signed_in = if token.is_empty() {
        by_password(&app, given.name.trim(), &given.password, &caller.0).await
    } else {
        by_token(&app, token, &caller.0).await
    };
    match signed_in {
        Ok(signed_in) => {
            let mut response = go(own(&given.next));
            set_cookie(&mut response, &cookie(&app, &signed_in));
            Ok(response)
        }
        Err(problem) if matches!(problem.status, 401 | 429) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let login = Login {
                frame: Frame::outside("Sign in"),
                wrong: problem.detail,
                name: given.name,
                next: given.next,
                by_token: !token.is_empty(),
            };
            Ok((status, Html(login.render()?)).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

#[derive(Deserialize)]
struct Leave {
    #[serde(default)]
    csrf: String,
}

async fn leave(
    State(app): State<App>,
    principal: Option<Principal>,
    headers: HeaderMap,
    Form(form): Form<Leave>,
) -> Shown {
    if let Some(principal) = principal {
        principal.check_csrf(&form.csrf)?;
        for secret in cookies(&headers) {
            sign_out(&app, secret).await?;
        }
    }
    let mut response = go("/login");
    set_cookie(&mut response, &no_cookie(&app));
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = cookie.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        COOKIE.contains(&name).then_some(value)
    })
}

/// Whether a form was sent by a page of this host. Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; a program
/// says neither and has no cookie to lose.
fn from_here(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            origin == app.config.public_url.origin().ascii_serialization() || text("host") == Some(host)
        }
        (None, None) => true,
    }
}

/// A path of this host, and nothing that leads elsewhere.
fn own(next: &str) -> &str {
    let inside = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if inside { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for next in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:x", "/\t/evil.example"]
        {
            assert_eq!(own(next), "/", "{next}");
        }
        assert_eq!(own("/runs?state=queued"), "/runs?state=queued");
    }
}
