//! Candidates.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grader_store::{Candidate, CandidateChange, CandidateFilter, Scope};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::text;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Body, Listed, PageQuery, Params, Problem, conditional, if_match, once};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(read, change, remove))
}

/// A candidate.
#[derive(Serialize, ToSchema)]
struct CandidateShape {
    id: String,
    name: String,
    email: Option<String>,
    notes: String,
    created_at: String,
    updated_at: String,
}

impl From<Candidate> for CandidateShape {
    fn from(candidate: Candidate) -> Self {
        CandidateShape {
            id: candidate.id,
            name: candidate.name,
            email: candidate.email,
            notes: candidate.notes,
            created_at: candidate.created_at.to_string(),
            updated_at: candidate.updated_at.to_string(),
        }
    }
}

/// What somebody says of a candidate.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCandidate {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Nobody else's.
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    /// 5,000 characters at most.
    #[schema(max_length = 5000)]
    #[serde(default)]
    notes: String,
}

impl NewCandidate {
    fn change(&self) -> Result<CandidateChange, Problem> {
        let email = match self.email.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(email) if is_address(email) => Some(email.to_lowercase()),
            Some(_) => return Err(Problem::invalid_field("email", "must be an e-mail address")),
        };
        if self.notes.chars().count() > 5000 || self.notes.contains('\0') {
            return Err(Problem::invalid_field("notes", "must have 5000 characters at most"));
        }
        Ok(CandidateChange { name: text("name", &self.name, 200)?.to_owned(), email, notes: self.notes.clone() })
    }
}

/// Whether a text has the form of an address: whether it is one, only a letter to it can tell.
fn is_address(text: &str) -> bool {
    let sound = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;:\\\"()[]".contains(c);
    text.len() <= 254
        && text.chars().all(sound)
        && text.rsplit_once('@').is_some_and(|(who, host)| {
            !who.is_empty()
                && !who.contains('@')
                && host.split('.').count() > 1
                && host.split('.').all(|label| !label.is_empty())
        })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// A part of the name or of the address.
    search: Option<String>,
}

/// In blind mode a list of names would undo it.
fn open(app: &App, principal: &Principal, scope: Scope) -> Result<(), Problem> {
    principal.need(if app.config.blind { Scope::Admin } else { scope })
}

/// Candidates, newest first
#[utoipa::path(get, path = "/candidates", tag = "candidates", params(Query, PageQuery),
    responses((status = 200, body = Listed<CandidateShape>), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listed<CandidateShape>>, Problem> {
    open(&app, &principal, Scope::Read)?;
    let filter = CandidateFilter { search: query.search.filter(|search| !search.trim().is_empty()) };
    let found = app.store.candidates(&filter, &page.request()?).await?;
    Ok(Json(Listed::of(found, CandidateShape::from)))
}

/// Keeps a candidate
#[utoipa::path(post, path = "/candidates", tag = "candidates", request_body = NewCandidate,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent twice, it is carried out once")),
    responses((status = 201, body = CandidateShape), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn add(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Body(new): Body<NewCandidate>,
) -> Result<Response, Problem> {
    principal.need(Scope::Review)?;
    let change = new.change()?;
    let work = async {
        let candidate = app.store.add_candidate(&change).await?;
        let subject = format!("candidate/{}", candidate.id);
        app.store.audit(&principal.name, "candidate.add", &subject, &serde_json::json!({})).await?;
        let place = format!("/api/v1/candidates/{}", candidate.id);
        let tag = format!("\"{}\"", candidate.version);
        let body = Json(CandidateShape::from(candidate));
        Ok((StatusCode::CREATED, [(header::LOCATION, place), (header::ETAG, tag)], body).into_response())
    };
    once(&app, &principal, &headers, ("candidate.add", &new), work).await
}

/// One candidate
#[utoipa::path(get, path = "/candidates/{id}", tag = "candidates", params(("id" = String, Path)),
    responses((status = 200, body = CandidateShape), (status = 304), (status = 404, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    open(&app, &principal, Scope::Read)?;
    let candidate = app.store.candidate(&id).await?;
    let tag = candidate.version.to_string();
    Ok(conditional(&headers, &tag, || Json(CandidateShape::from(candidate)).into_response()))
}

/// Changes a candidate; `If-Match` makes sure that nobody else did meanwhile
#[utoipa::path(put, path = "/candidates/{id}", tag = "candidates", request_body = NewCandidate,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = CandidateShape), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
async fn change(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(new): Body<NewCandidate>,
) -> Result<Response, Problem> {
    open(&app, &principal, Scope::Review)?;
    let change = new.change()?;
    let present = app.store.candidate(&id).await?;
    let version = if_match(&headers, &present.version.to_string())?.then_some(present.version);
    let candidate = app.store.change_candidate(&id, &change, version).await?;
    app.store.audit(&principal.name, "candidate.change", &format!("candidate/{id}"), &serde_json::json!({})).await?;
    let tag = format!("\"{}\"", candidate.version);
    Ok(([(header::ETAG, tag)], Json(CandidateShape::from(candidate))).into_response())
}

/// Removes a candidate; the submissions stay, without a name
#[utoipa::path(delete, path = "/candidates/{id}", tag = "candidates", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn remove(State(app): State<App>, principal: Principal, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    open(&app, &principal, Scope::Review)?;
    app.store.remove_candidate(&id).await?;
    app.store.audit(&principal.name, "candidate.remove", &format!("candidate/{id}"), &serde_json::json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_has_its_form() {
        for good in ["a@example.org", "first.last+tag@mail.example.co.uk"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "a@b", "@example.org", "a@@example.org", "a b@example.org", "a@example.", "a@.org"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
