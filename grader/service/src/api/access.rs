//! Signing in, tokens, users, and the audit log.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use grader_store::{Account, AuditEntry, Role, Scope, Scopes, Timestamp, Token};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Principal, by_password, issue_token, sign_out};
use crate::state::App;
use crate::web::{Body, Caller, Listed, PageQuery, Params, Problem};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, who, leave))
        .routes(routes!(tokens, add_token))
        .routes(routes!(revoke))
        .routes(routes!(users, add_user))
        .routes(routes!(change_user))
        .routes(routes!(audit))
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
}

/// A session of a program.
#[derive(Serialize, ToSchema)]
struct SessionShape {
    /// To be sent as `Authorization: Bearer …`.
    token: String,
    expires_at: String,
}

/// Signs in by name and password
#[utoipa::path(post, path = "/session", tag = "access", security(()), request_body = Credentials,
    responses((status = 201, body = SessionShape), (status = 401, body = Problem), (status = 429, body = Problem)))]
async fn sign_in(
    State(app): State<App>,
    caller: Caller,
    Body(given): Body<Credentials>,
) -> Result<(StatusCode, Json<SessionShape>), Problem> {
    let signed_in = by_password(&app, &given.name, &given.password, &caller.0).await?;
    let expires_at = signed_in.session.expires_at.to_string();
    Ok((StatusCode::CREATED, Json(SessionShape { token: signed_in.secret, expires_at })))
}

/// Who somebody is.
#[derive(Serialize, ToSchema)]
struct PrincipalShape {
    name: String,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

/// Who the caller is and what they may do
#[utoipa::path(get, path = "/session", tag = "access",
    responses((status = 200, body = PrincipalShape), (status = 401, body = Problem)))]
async fn who(principal: Principal) -> Json<PrincipalShape> {
    Json(PrincipalShape {
        scopes: principal.scopes.iter().map(|scope| scope.to_string()).collect(),
        role: principal.role.map(|role| role.to_string()),
        name: principal.name,
    })
}

/// Ends the session
#[utoipa::path(delete, path = "/session", tag = "access",
    responses((status = 204), (status = 401, body = Problem)))]
async fn leave(State(app): State<App>, _: Principal, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let secret = headers.get("authorization").and_then(|value| value.to_str().ok()?.split_once(' '));
    if let Some((_, secret)) = secret {
        sign_out(&app, secret.trim()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
struct TokenShape {
    id: String,
    name: String,
    /// How it begins, after `grt_`.
    prefix: String,
    scopes: Vec<String>,
    created_by: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    /// The token itself, in the answer that made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenShape {
    fn of(token: Token, secret: Option<String>) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        TokenShape {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            scopes: token.scopes.iter().map(|scope| scope.to_string()).collect(),
            created_by: token.created_by,
            created_at: token.created_at.to_string(),
            expires_at: text(token.expires_at),
            last_used_at: text(token.last_used_at),
            revoked_at: text(token.revoked_at),
            token: secret,
        }
    }
}

/// Every token, newest first
#[utoipa::path(get, path = "/tokens", tag = "access",
    responses((status = 200, body = Listed<TokenShape>), (status = 403, body = Problem)))]
async fn tokens(State(app): State<App>, principal: Principal) -> Result<Json<Listed<TokenShape>>, Problem> {
    principal.need(Scope::Admin)?;
    let tokens = app.store.tokens().await?;
    Ok(Json(Listed::whole(tokens.into_iter().map(|token| TokenShape::of(token, None)).collect())))
}

/// A token to make.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTokenShape {
    name: String,
    /// Of `read`, `submit`, `review` and `admin`.
    scopes: Vec<String>,
    /// From now; for ever where it is not given.
    #[schema(minimum = 60)]
    seconds: Option<u64>,
}

/// Makes a token; its secret is in the answer and nowhere else
///
/// An `Idempotency-Key` is refused here: the answer, which it would keep, holds the secret.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = NewTokenShape,
    responses((status = 201, body = TokenShape), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn add_token(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Body(new): Body<NewTokenShape>,
) -> Result<(StatusCode, Json<TokenShape>), Problem> {
    principal.need(Scope::Admin)?;
    if headers.contains_key("idempotency-key") {
        return Err(Problem::malformed("A token's answer is not kept: send no Idempotency-Key."));
    }
    let name = text("name", &new.name, 100)?;
    let scopes: Scopes = new.scopes.join(" ").parse().map_err(|why: String| Problem::invalid_field("scopes", why))?;
    if scopes == Scopes::default() {
        return Err(Problem::invalid_field("scopes", "must name one at least"));
    }
    if new.seconds.is_some_and(|seconds| !(60..=10 * 366 * 86400).contains(&seconds)) {
        return Err(Problem::invalid_field("seconds", "must be a minute at least and ten years at most"));
    }
    let lasts = new.seconds.map(Duration::from_secs);
    let (secret, token) = issue_token(&app.store, name, scopes, lasts, &principal.name).await?;
    let detail = serde_json::json!({"name": name, "scopes": scopes.to_string()});
    app.store.audit(&principal.name, "token.add", &format!("token/{}", token.id), &detail).await?;
    Ok((StatusCode::CREATED, Json(TokenShape::of(token, Some(secret)))))
}

/// Revokes a token for good
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
async fn revoke(State(app): State<App>, principal: Principal, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    principal.need(Scope::Admin)?;
    app.store.revoke_token(&id).await?;
    app.store.audit(&principal.name, "token.revoke", &format!("token/{id}"), &serde_json::json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who signs in.
#[derive(Serialize, ToSchema)]
struct UserShape {
    id: String,
    name: String,
    /// `admin`, `reviewer` or `reader`.
    role: String,
    enabled: bool,
    created_at: String,
}

impl From<Account> for UserShape {
    fn from(user: Account) -> Self {
        UserShape {
            id: user.id,
            name: user.name,
            role: user.role.to_string(),
            enabled: user.disabled_at.is_none(),
            created_at: user.created_at.to_string(),
        }
    }
}

/// Every user, by name
#[utoipa::path(get, path = "/users", tag = "access",
    responses((status = 200, body = Listed<UserShape>), (status = 403, body = Problem)))]
async fn users(State(app): State<App>, principal: Principal) -> Result<Json<Listed<UserShape>>, Problem> {
    principal.need(Scope::Admin)?;
    Ok(Json(Listed::whole(app.store.users().await?.into_iter().map(UserShape::from).collect())))
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// 1 to 100 characters; nobody else's.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `admin`, `reviewer` or `reader`; whoever signs up gets the operator's.
    role: Option<String>,
    /// 12 to 200 characters.
    #[schema(min_length = 12, max_length = 200)]
    password: String,
}

/// Makes a user: an administrator anybody, others themselves where the operator allows it
#[utoipa::path(post, path = "/users", tag = "access", security((), ("bearer" = [])), request_body = NewUser,
    responses((status = 201, body = UserShape), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
async fn add_user(
    State(app): State<App>,
    principal: Option<Principal>,
    caller: Caller,
    body: Result<Body<NewUser>, Problem>,
) -> Result<(StatusCode, Json<UserShape>), Problem> {
    // Who asks is settled before what they ask is read.
    match (&principal, app.config.sign_up) {
        (None, None) => return Err(Problem::unauthorized()),
        (Some(principal), None) => principal.need(Scope::Admin)?,
        (_, Some(_)) => {}
    }
    let Body(new) = body?;
    let asked = new.role.as_deref().map(str::parse::<Role>).transpose();
    let asked = asked.map_err(|why| Problem::invalid_field("role", why));
    let (role, by) = match (&principal, app.config.sign_up) {
        (Some(principal), _) if principal.scopes.has(Scope::Admin) => {
            let role = asked?.ok_or_else(|| Problem::invalid_field("role", "must be admin, reviewer or reader"))?;
            (role, principal.name.clone())
        }
        (_, role) => {
            let role = role.ok_or_else(Problem::unauthorized)?;
            // A hash costs the machine more than any other request of a stranger's.
            app.verifier
                .tries
                .take(&format!("sign up {}", caller.0))
                .map_err(|wait| Problem::too_many(wait.retry_after))?;
            if asked?.is_some_and(|asked| asked != role) {
                return Err(Problem::forbidden(Scope::Admin));
            }
            (role, new.name.clone())
        }
    };
    let name = text("name", &new.name, 100)?;
    password("password", &new.password)?;
    if app.store.user_named(name).await?.is_some() {
        return Err(Problem::conflict("There is a user of this name."));
    }
    let hash = app.verifier.hash(new.password).await.ok_or_else(Problem::internal)?;
    let user = app.store.add_user(name, role, Some(&hash)).await?;
    let detail = serde_json::json!({"name": name, "role": role});
    app.store.audit(&by, "user.add", &format!("user/{}", user.id), &detail).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// What changes about a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    role: Option<String>,
    password: Option<String>,
    enabled: Option<bool>,
}

/// Changes a user, who is signed out everywhere
#[utoipa::path(patch, path = "/users/{id}", tag = "access", params(("id" = String, Path)), request_body = UserChange,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change_user(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    Body(change): Body<UserChange>,
) -> Result<StatusCode, Problem> {
    principal.need(Scope::Admin)?;
    let role = change.role.as_deref().map(str::parse::<Role>).transpose();
    let role = role.map_err(|why| Problem::invalid_field("role", why))?;
    let hash = match change.password {
        None => None,
        Some(new) => {
            password("password", &new)?;
            Some(app.verifier.hash(new).await.ok_or_else(Problem::internal)?)
        }
    };
    app.store.change_user(&id, role, hash.as_deref(), change.enabled).await?;
    let detail = serde_json::json!({"role": role, "enabled": change.enabled, "password": hash.is_some()});
    app.store.audit(&principal.name, "user.change", &format!("user/{id}"), &detail).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditShape {
    id: String,
    actor: String,
    action: String,
    subject: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    at: String,
}

impl From<AuditEntry> for AuditShape {
    fn from(entry: AuditEntry) -> Self {
        AuditShape {
            id: entry.id,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
            at: entry.at.to_string(),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only lines about this, such as `run/ID`.
    subject: Option<String>,
}

/// Who did what, newest first
#[utoipa::path(get, path = "/audit", tag = "access", params(AuditQuery, PageQuery),
    responses((status = 200, body = Listed<AuditShape>), (status = 403, body = Problem)))]
async fn audit(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<AuditQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listed<AuditShape>>, Problem> {
    principal.need(Scope::Admin)?;
    let found = app.store.audit_log(query.subject.as_deref(), &page.request()?).await?;
    Ok(Json(Listed::of(found, AuditShape::from)))
}

/// A text of 1 to `most` characters, without spaces around it.
pub(super) fn text<'a>(pointer: &str, value: &'a str, most: usize) -> Result<&'a str, Problem> {
    let value = value.trim();
    if value.is_empty() || value.chars().count() > most || value.chars().any(char::is_control) {
        return Err(Problem::invalid_field(pointer, format!("must have 1 to {most} characters, all of them visible")));
    }
    Ok(value)
}

fn password(pointer: &str, value: &str) -> Result<(), Problem> {
    if (12..=200).contains(&value.chars().count()) {
        return Ok(());
    }
    Err(Problem::invalid_field(pointer, "must have 12 to 200 characters"))
}
