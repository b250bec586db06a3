//! `api.pagination.metadata`: an answer tells whether there is more: a total, the number of pages, a next page or cursor,
//! a flag, or a header (`Link`, RFC 8288; `X-Total-Count`; `Content-Range`).
//!
//! Judged by value on a page that is not the last: a `count` that only counts the page's own records says nothing.
//! Planted defect: `api-pagination-metadata` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Probe, Stop, wire};
use serde_json::Value;

use super::fill::fill;
use super::pages;

pub(crate) struct Metadata;

#[async_trait]
impl Probe for Metadata {
    fn id(&self) -> &'static str {
        "api.pagination.metadata"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let session = ctx.writer(&main)?;
        let pagination = main.pagination.clone().ok_or_else(|| pages::unpaged(&main))?;
        fill(ctx, &main, &mut ctx.values(self.id()), 3, &[]).await?;
        let query: Vec<(&str, String)> = pagination.size.iter().map(|name| (name.as_str(), "2".to_owned())).collect();
        let answer = main.list_request(&query, session.as_ref())?.send(ctx).await;
        let Some(shown) = main.keys_in(&answer).filter(|_| answer.is_success()).map(|keys| keys.len()) else {
            return Err(Stop::blocked("api.operations", format!("listing answers {}", answer.status_line())));
        };
        let evidence = ctx.recorder().evidence(&answer);
        let expected = "a total, a number of pages, a next page, a cursor or a Link header";
        let told = header(&answer, shown).or_else(|| answer.json().and_then(|body| member(body, "", shown, 0)));
        let finding = match told {
            Some(told) => Finding::pass(self.id(), format!("A page tells by {told} that there is more")).actual(told),
            None => Finding::fail(self.id(), "Nothing on a page tells whether there is more").actual("none of these"),
        };
        Ok(finding.expected(expected).evidence(evidence))
    }
}

fn header(answer: &Answer, shown: usize) -> Option<String> {
    if answer.headers("link").any(|value| value.contains("rel=\"next\"") || value.contains("rel=next")) {
        return Some("the header Link".to_owned());
    }
    if answer.headers("content-range").any(|value| {
        value.rsplit('/').next().and_then(|total| total.trim().parse::<usize>().ok()).is_some_and(|total| total > shown)
    }) {
        return Some("the header Content-Range".to_owned());
    }
    let totals =
        ["x-total-count", "x-total", "total-count", "x-pagination-total-count", "x-next-page", "x-total-pages"];
    let header = totals.into_iter().find(|name| answer.header(name).is_some_and(|value| !value.is_empty()));
    let in_json = || {
        let value: Value = serde_json::from_str(answer.header("x-pagination")?).ok()?;
        member(&value, "", shown, 0).map(|_| "x-pagination")
    };
    header.or_else(in_json).map(|name| format!("the header {name}"))
}

/// A member outside the records that tells of more than the `shown` ones.
fn member(value: &Value, inside: &str, shown: usize, depth: u8) -> Option<String> {
    let members = value.as_object().filter(|_| depth < 5)?;
    members.iter().find_map(|(name, value)| {
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}.{name}") };
        let plain = wire::plain(name);
        let more_than = |least: usize| value.as_u64().is_some_and(|number| number > least as u64);
        let says_true = value.as_bool() == Some(true);
        let leads_on = value.as_str().is_some_and(|text| !text.is_empty()) || value.as_u64().is_some_and(|n| n > 0);
        let tells = match plain.as_str() {
            "totalpages" | "pages" | "pagecount" | "lastpage" | "numpages" | "totalpage" | "maxpage" => more_than(1),
            "hasmore" | "hasnext" | "hasnextpage" | "more" => says_true,
            "last" | "islast" | "islastpage" => value.as_bool() == Some(false) || leads_on,
            "count" | "rows" | "matches" | "found" => more_than(shown),
            _ if plain.starts_with("total") || plain.ends_with("total") || plain.ends_with("totalcount") => {
                more_than(shown)
            }
            _ if plain.starts_with("next") || plain == "cursor" || plain == "endcursor" => {
                leads_on || says_true || value.get("href").is_some()
            }
            _ => false,
        };
        if tells { Some(format!("`{path}`")) } else { member(value, &path, shown, depth + 1) }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_tells_of_more_is_told_from_what_repeats_the_request() {
        let tells = |body: Value| member(&body, "", 2, 0);
        assert_eq!(tells(json!({"data": [], "meta": {"page": 1, "total": 9}})).as_deref(), Some("`meta.total`"));
        assert_eq!(tells(json!({"count": 9, "items": []})).as_deref(), Some("`count`"));
        assert_eq!(tells(json!({"links": {"next": "/x?page=2"}})).as_deref(), Some("`links.next`"));
        assert_eq!(tells(json!({"content": [], "last": false})).as_deref(), Some("`last`"));
        for silent in [
            json!([1, 2]),
            json!({"data": [{"total": 9}], "page": 1, "limit": 2}),
            json!({"count": 2, "items": []}),
            json!({"next": null, "total": null}),
        ] {
            assert_eq!(tells(silent.clone()), None, "{silent}");
        }
    }
}
