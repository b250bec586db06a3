//! Lists: which page is asked for, and how it is answered.
//!
//! A cursor is opaque to callers: base64 of where the page before ended.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader_store::{Page, PageRequest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Records on the page, 1 to 200; 50 where it is not given.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl PageQuery {
    pub(crate) fn of(cursor: Option<String>, limit: Option<u32>) -> Self {
        PageQuery { cursor, limit }
    }

    /// # Errors
    /// A 422 problem for a size out of bounds or a cursor that is none of ours.
    pub(crate) fn request(&self) -> Result<PageRequest, Problem> {
        let size = self.limit.unwrap_or(50);
        if !(1..=PageRequest::MOST).contains(&size) {
            return Err(Problem::invalid_field("limit", format!("must be 1 to {}", PageRequest::MOST)));
        }
        let after = match &self.cursor {
            None => None,
            Some(cursor) => Some(decoded(cursor).ok_or_else(|| {
                Problem::invalid_field("cursor", "is no cursor of a list; take `next` of the page before")
            })?),
        };
        Ok(PageRequest { after, size })
    }
}

fn decoded(cursor: &str) -> Option<String> {
    let place = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    // A place is an id, or a number and an id.
    let sound = |c: char| c.is_ascii_alphanumeric() || "-~.".contains(c);
    (place.len() <= 80 && !place.is_empty() && place.chars().all(sound)).then_some(place)
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// The next page's `cursor`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Listed<T> {
    pub(crate) fn of<S>(page: Page<S>, show: impl FnMut(S) -> T) -> Self {
        Listed { items: page.items.into_iter().map(show).collect(), next: Self::cursor(page.next.as_deref()) }
    }

    /// The cursor of the place where a page ended.
    pub(crate) fn cursor(place: Option<&str>) -> Option<String> {
        place.map(|place| URL_SAFE_NO_PAD.encode(place))
    }

    /// A list that is always whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Listed { items, next: None }
    }
}

/// The query of a request, refused as a problem.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Params(params)),
            Err(error) => Err(Problem::invalid_field("query", error.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_next_page() {
        let page = Page { items: vec![1], next: Some("87.5~0198-a".to_owned()) };
        let next = Listed::of(page, |item| item).next;
        let query = PageQuery { cursor: next, limit: Some(200) };
        assert_eq!(query.request().unwrap(), PageRequest { after: Some("87.5~0198-a".to_owned()), size: 200 });
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for (cursor, limit) in [(None, Some(0)), (None, Some(201)), (Some("%"), None), (Some("JycK"), None)] {
            let query = PageQuery { cursor: cursor.map(str::to_owned), limit };
            assert_eq!(query.request().unwrap_err().status, 422, "{query:?}");
        }
    }
}
