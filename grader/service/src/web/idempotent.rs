//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is sent twice is carried out once, and
//! answered twice alike.

use axum::body::to_bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use grader_store::{Kept, Reserved};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Problem;
use crate::auth::Principal;
use crate::state::App;

/// Answers are small; one that is not is not kept.
const MOST_KEPT: usize = 256 << 10;

/// Carries `work` out once per key of the principal. `what` is the operation and `body` what was asked: the same key
/// with anything else is refused.
pub(crate) async fn once(
    app: &App,
    principal: &Principal,
    headers: &HeaderMap,
    (what, body): (&str, &(impl Serialize + Sync)),
    work: impl Future<Output = Result<Response, Problem>> + Send,
) -> Result<Response, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return work.await };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > 200 {
        return Err(Problem::malformed("An Idempotency-Key has 1 to 200 visible ASCII characters."));
    }
    let asked = serde_json::to_vec(body).map_err(|_| Problem::internal())?;
    let fingerprint =
        format!("{:x}", Sha256::new().chain_update(what).chain_update([0]).chain_update(asked).finalize());
    match app.store.reserve_key(&principal.name, key, &fingerprint).await? {
        Reserved::New => {}
        Reserved::UnderWay => return Err(Problem::conflict("The first request under this key is still under way.")),
        Reserved::Other => {
            let detail = "This Idempotency-Key was used for another request.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "The key is taken", detail));
        }
        Reserved::Answered(kept) => return Ok(again(kept)),
    }
    let answer = match work.await {
        Ok(answer) => answer,
        Err(problem) => {
            // What failed may be tried again under the same key.
            app.store.forget_key(&principal.name, key).await?;
            return Err(problem);
        }
    };
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, MOST_KEPT).await.map_err(|_| Problem::internal())?;
    let headers: Vec<(String, &str)> = [CONTENT_TYPE, LOCATION, ETAG]
        .into_iter()
        .filter_map(|name| Some((name.to_string(), parts.headers.get(&name)?.to_str().ok()?)))
        .collect();
    let kept = Kept {
        status: parts.status.as_u16(),
        headers: serde_json::to_string(&headers).unwrap_or_else(|_| "[]".to_owned()),
        body: body.to_vec(),
    };
    app.store.keep_answer(&principal.name, key, &kept).await?;
    Ok(Response::from_parts(parts, body.into()))
}

fn again(kept: Kept) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    let headers: Vec<(String, String)> = serde_json::from_str(&kept.headers).unwrap_or_default();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
