//! Errors as RFC 9457 tells them: what happened, in words and as a code, and nothing of the inside.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use grader_store::{Scope, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong with a request (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:grader:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's meaning.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The parts of the request that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// A part of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// The field's name, or a JSON pointer into the body.
    pub pointer: String,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Problem {
            kind: format!("urn:grader:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", format!("There is no such {what}."))
    }

    pub(crate) fn unauthorized() -> Self {
        let detail = "Send `Authorization: Bearer TOKEN` with a token that is good, or sign in.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in", detail)
    }

    pub(crate) fn wrong_password() -> Self {
        let detail = "The name and password, or the token, are not known here.";
        Self::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Not signed in", detail)
    }

    pub(crate) fn forbidden(scope: Scope) -> Self {
        let detail = format!("This needs the scope `{scope}`.");
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    pub(crate) fn foreign_form() -> Self {
        let detail = "The request does not show the session's own word (X-CSRF-Token); load the page again.";
        Self::new(StatusCode::FORBIDDEN, "foreign-form", "Not from our own page", detail)
    }

    /// The request is understood and wrong in these parts.
    pub(crate) fn invalid(errors: Vec<Mistake>) -> Self {
        let detail = errors.iter().map(|error| format!("{}: {}", error.pointer, error.detail));
        let detail = detail.collect::<Vec<_>>().join("; ");
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid", detail);
        Problem { errors, ..problem }
    }

    pub(crate) fn invalid_field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Mistake { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "It contradicts what is there", detail)
    }

    pub(crate) fn changed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "changed", "It was changed in the meantime", detail)
    }

    pub(crate) fn too_many(retry_after: u64) -> Self {
        let detail = format!("Try again in {retry_after} s.");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail);
        Problem { retry_after: Some(retry_after), ..problem }
    }

    pub(crate) fn unavailable() -> Self {
        let detail = "The database does not answer at the moment.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available", detail);
        Problem { retry_after: Some(5), ..problem }
    }

    pub(crate) fn internal() -> Self {
        let detail = "The service has made a mistake; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A mistake of the service", detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Problem::not_found(what),
            StoreError::Conflict(detail) => Problem::conflict(detail),
            StoreError::Changed(_) => Problem::changed(error.to_string()),
            error if error.is_passing() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the database does not answer");
                Problem::unavailable()
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                Problem::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"grader\""));
        }
        response
    }
}
