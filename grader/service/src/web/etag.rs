//! Entity tags (RFC 9110, 8.8.3 and 13): what did not change is not sent again, and nobody overwrites what they did not
//! see.

use axum::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Problem;

/// Answers with an entity tag; without a body where the caller has it already.
pub(crate) fn conditional(headers: &HeaderMap, tag: &str, answer: impl FnOnce() -> Response) -> Response {
    let tag = format!("\"{tag}\"");
    let has =
        listed(headers, IF_NONE_MATCH.as_str()).any(|known| known == "*" || known.trim_start_matches("W/") == tag);
    let mut response = if has { StatusCode::NOT_MODIFIED.into_response() } else { answer() };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    // It may be kept, and has to be asked for again before it is used.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// The version that the caller wants to change, from an `If-Match` that holds our tag; `None` without one.
///
/// # Errors
/// A 412 problem when it names other tags only.
pub(crate) fn if_match(headers: &HeaderMap, present: &str) -> Result<bool, Problem> {
    let mut wanted = listed(headers, IF_MATCH.as_str()).peekable();
    if wanted.peek().is_none() {
        return Ok(false);
    }
    let present = format!("\"{present}\"");
    // A weak tag never matches here.
    if wanted.any(|tag| tag == "*" || tag == present) {
        Ok(true)
    } else {
        Err(Problem::changed("The record is not the one that If-Match names; read it again."))
    }
}

fn listed<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn what_is_known_is_not_sent() {
        let status =
            |value: &str| conditional(&headers("if-none-match", value), "7", || "body".into_response()).status();
        assert_eq!(status("\"6\", W/\"7\""), 304);
        assert_eq!(status("\"6\""), 200);
    }

    #[test]
    fn a_change_names_what_it_changes() {
        assert!(if_match(&headers("if-match", "\"7\""), "7").unwrap());
        assert!(if_match(&headers("if-match", "W/\"7\""), "7").is_err());
        assert!(if_match(&headers("if-match", "\"6\""), "7").is_err());
        assert!(!if_match(&HeaderMap::new(), "7").unwrap());
    }
}
