//! Finding how a list is paged, by trying: documented parameters first, then the customary ones.

use grader_spec::Action;
use serde_json::Value;

use crate::resource::{PageStyle, Pagination};
use crate::wire;
use crate::{Answer, BoundResource, Context};

const SIZES: &[&str] =
    &["limit", "size", "page_size", "pageSize", "per_page", "perPage", "take", "count", "first", "max_results"];
const PAGES: &[&str] = &["page", "page_number", "pageNumber", "p"];
const OFFSETS: &[&str] = &["offset", "skip", "start", "from"];
const CURSORS: &[&str] = &["cursor", "after", "next", "page_token", "pageToken", "starting_after", "next_cursor"];
/// Names of paging that binding does not try by itself.
const OTHERS: &[&str] = &["before", "page_index", "max_id", "since_id"];
/// Records that must be there before paging shows.
const RECORDS: usize = 6;

/// Whether a query parameter pages, by its customary name: a number or a position, and no search.
pub fn is_paging(name: &str) -> bool {
    let name = wire::plain(name);
    [SIZES, PAGES, OFFSETS, CURSORS, OTHERS].into_iter().flatten().any(|known| wire::plain(known) == name)
}

/// Learns how the resource's list is paged and stores it with the resource.
pub(super) async fn bind(ctx: &Context, id: &str) {
    let Ok(resource) = ctx.resource(id) else { return };
    let Some(list) = resource.operations.get(&Action::List).cloned() else { return };
    let mut values = ctx.values(&format!("paging {id}"));
    let total = match page(ctx, &resource, &[]).await.1 {
        Some(keys) => keys.len(),
        None => return,
    };
    for _ in total..RECORDS {
        if resource.create(ctx, &mut values, &[]).await.is_err() {
            return;
        }
    }
    let size = find_size(ctx, &resource, &list.query).await;
    let style = find_style(ctx, &resource, &list.query, size.as_deref()).await;
    let pagination = match (size, style) {
        (size, Some(style)) => Some(Pagination { size, style }),
        // A size alone bounds a list and leaves no way on.
        (Some(size), None) => Some(Pagination { size: Some(size), style: PageStyle::Link { next: Vec::new() } }),
        (None, None) => None,
    };
    ctx.with_bound(|bound| {
        if let Some(resource) = bound.resources.get_mut(id) {
            resource.pagination = pagination;
        }
    });
}

/// Sends a list request and reads the keys of its records.
async fn page(ctx: &Context, resource: &BoundResource, query: &[(&str, String)]) -> (Answer, Option<Vec<String>>) {
    let session = ctx.writer(resource).ok().flatten();
    let request = match resource.list_request(query, session.as_ref()) {
        Ok(request) => request,
        Err(_) => crate::Request::get("/"),
    };
    let answer = request.send(ctx).await;
    let keys = if answer.is_success() { resource.keys_in(&answer) } else { None };
    (answer, keys)
}

/// Documented names first; where a description lists parameters, only those.
fn order<'a>(documented: &'a [String], customary: &'a [&'a str]) -> Vec<&'a str> {
    let listed: Vec<&str> = documented
        .iter()
        .filter(|name| customary.iter().any(|known| wire::plain(known) == wire::plain(name)))
        .map(String::as_str)
        .collect();
    if documented.is_empty() { customary.to_vec() } else { listed }
}

async fn find_size(ctx: &Context, resource: &BoundResource, documented: &[String]) -> Option<String> {
    for name in order(documented, SIZES) {
        let (_, keys) = page(ctx, resource, &[(name, "2".to_owned())]).await;
        if keys.is_some_and(|keys| keys.len() == 2) {
            return Some(name.to_owned());
        }
    }
    None
}

async fn find_style(
    ctx: &Context,
    resource: &BoundResource,
    documented: &[String],
    size: Option<&str>,
) -> Option<PageStyle> {
    let sized: Vec<(&str, String)> = size.map(|size| (size, "2".to_owned())).into_iter().collect();
    let (first_answer, first) = page(ctx, resource, &sized).await;
    let first = first?;
    for name in order(documented, PAGES) {
        let (_, one) = page(ctx, resource, &with(&sized, name, "1")).await;
        let (_, two) = page(ctx, resource, &with(&sized, name, "2")).await;
        let (Some(one), Some(two)) = (one, two) else { continue };
        // Counted from 0 in pages that hold all there is, the second and the third are both empty.
        if one == two && one == first {
            continue;
        }
        let base = u32::from(one == first);
        return Some(PageStyle::Page { param: name.to_owned(), base });
    }
    for name in order(documented, OFFSETS) {
        // A page further and not a record: an offset that is off by one is a finding about paging, not a list without it.
        let (_, skipped) = page(ctx, resource, &with(&sized, name, "2")).await;
        let Some(skipped) = skipped else { continue };
        if skipped != first {
            return Some(PageStyle::Offset { param: name.to_owned() });
        }
    }
    if let Some((path, url)) = first_answer.json().and_then(|body| next_in(body, &mut Vec::new())) {
        if url {
            return Some(PageStyle::Link { next: path });
        }
        let documented_cursor = order(documented, CURSORS).first().map(|name| (*name).to_owned());
        let param = documented_cursor.unwrap_or_else(|| "cursor".to_owned());
        return Some(PageStyle::Cursor { param, next: path });
    }
    let has_link = first_answer.headers("link").any(|link| link.contains("rel=\"next\"") || link.contains("rel=next"));
    has_link.then_some(PageStyle::Link { next: Vec::new() })
}

fn with<'a>(query: &[(&'a str, String)], name: &'a str, value: &str) -> Vec<(&'a str, String)> {
    let mut query = query.to_vec();
    query.push((name, value.to_owned()));
    query
}

/// Where an answer says how it goes on, and whether as a URL.
fn next_in(body: &Value, path: &mut Vec<String>) -> Option<(Vec<String>, bool)> {
    let object = body.as_object()?;
    for (name, value) in object {
        path.push(name.clone());
        let plain = wire::plain(name);
        if let Some(text) = value.as_str()
            && (plain.starts_with("next") || plain == "cursor" || plain == "endcursor")
            && !text.is_empty()
        {
            return Some((path.clone(), text.contains('?')));
        }
        if path.len() < 4
            && let Some(found) = next_in(value, path)
        {
            return Some(found);
        }
        path.pop();
    }
    None
}
