//! Walking a list page by page, in whatever style it is paged.

use grader_spec::Action;
use harness_kit::resource::{PageStyle, at};
use harness_kit::{Answer, BoundResource, Context, Request, Session, Stop, wire};

/// A walk over the pages of a list.
pub(super) struct Walk<'a> {
    ctx: &'a Context,
    resource: &'a BoundResource,
    session: Option<Session>,
    /// Query parameters of every page, the size among them.
    query: Vec<(String, String)>,
    turned: u32,
    received: usize,
    first: usize,
    last: Option<Answer>,
    ended: bool,
    refusal: Option<Answer>,
}

/// One page.
pub(super) struct Page {
    pub(super) request: Request,
    pub(super) answer: Answer,
    pub(super) keys: Vec<String>,
}

impl<'a> Walk<'a> {
    /// Begins a walk in pages of `size` records, where the size can be chosen; `None` where listing was not found.
    pub(super) fn begin(
        ctx: &'a Context,
        resource: &'a BoundResource,
        session: Option<&Session>,
        size: u32,
    ) -> Option<Self> {
        resource.operations.get(&Action::List)?;
        let size_param = resource.pagination.as_ref().and_then(|pagination| pagination.size.clone());
        Some(Walk {
            ctx,
            resource,
            session: session.cloned(),
            query: size_param.map(|name| (name, size.to_string())).into_iter().collect(),
            turned: 0,
            received: 0,
            first: 0,
            last: None,
            ended: false,
            refusal: None,
        })
    }

    /// Adds a query parameter to every page.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether the list itself said that there is no further page.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The answer that was no page and ended the walk early.
    pub(super) fn refusal(&self) -> Option<&Answer> {
        self.refusal.as_ref()
    }

    /// The next page; `None` after the last one, or where a page is no list.
    pub(super) async fn next(&mut self) -> Option<Page> {
        if self.ended {
            return None;
        }
        let request = self.request()?;
        let answer = request.clone().send(self.ctx).await;
        let Some(keys) = self.resource.keys_in(&answer).filter(|_| answer.is_success()) else {
            self.refusal = Some(answer);
            return None;
        };
        if self.turned == 0 {
            self.first = keys.len();
        }
        self.turned += 1;
        self.received += keys.len();
        // A page may be shorter than was asked for, never shorter than the first one but for the last.
        self.ended = keys.is_empty() || keys.len() < self.first || !self.leads_on(&answer);
        self.last = Some(answer.clone());
        Some(Page { request, answer, keys })
    }

    fn request(&self) -> Option<Request> {
        let mut query = self.query.clone();
        if let Some(pagination) = self.resource.pagination.as_ref().filter(|_| self.turned > 0) {
            match &pagination.style {
                PageStyle::Page { param, base } => query.push((param.clone(), (base + self.turned).to_string())),
                PageStyle::Offset { param } => query.push((param.clone(), self.received.to_string())),
                PageStyle::Cursor { param, next } => query.push((param.clone(), self.cursor(next)?)),
                PageStyle::Link { next } => {
                    let mut request = self.list(&[])?;
                    request.target = link(self.last.as_ref()?, next, self.resource.collection()?)?;
                    return Some(request);
                }
            }
        }
        self.list(&query)
    }

    fn list(&self, query: &[(String, String)]) -> Option<Request> {
        let query: Vec<(&str, String)> = query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        self.resource.list_request(&query, self.session.as_ref()).ok()
    }

    fn cursor(&self, next: &[String]) -> Option<String> {
        at(self.last.as_ref()?.json()?, next).and_then(wire::text).filter(|text| !text.is_empty())
    }

    fn leads_on(&self, answer: &Answer) -> bool {
        match self.resource.pagination.as_ref().map(|pagination| &pagination.style) {
            None => false,
            Some(PageStyle::Page { .. } | PageStyle::Offset { .. }) => true,
            Some(PageStyle::Cursor { next, .. }) => answer
                .json()
                .and_then(|body| at(body, next))
                .and_then(wire::text)
                .is_some_and(|cursor| !cursor.is_empty()),
            Some(PageStyle::Link { next }) => {
                self.resource.collection().is_some_and(|collection| link(answer, next, collection).is_some())
            }
        }
    }
}

/// The target that an answer names as its next page: in the body at `next`, or in a `Link` header (RFC 8288).
pub(super) fn link(answer: &Answer, next: &[String], collection: &str) -> Option<String> {
    let in_body = (!next.is_empty()).then(|| at(answer.json()?, next)?.as_str().map(str::to_owned)).flatten();
    let in_header = || answer.headers("link").find_map(next_of).map(str::to_owned);
    let url = in_body.or_else(in_header).filter(|url| !url.is_empty())?;
    if let Some((_, rest)) = url.split_once("://") {
        return Some(rest.find('/').map_or_else(|| "/".to_owned(), |slash| rest[slash..].to_owned()));
    }
    Some(if url.starts_with('/') { url } else { format!("{collection}{}", &url[url.find('?')?..]) })
}

/// The target with `rel="next"` in a `Link` header's value.
fn next_of(value: &str) -> Option<&str> {
    value.split(",").map(str::trim).find_map(|part| {
        let (target, parameters) = part.strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or(("", ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split(' ').any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })
}

/// A stop for probes that look at how pages behave where the list has none.
pub(super) fn unpaged(resource: &BoundResource) -> Stop {
    Stop::blocked("api.pagination.bounded", format!("the list of {} records is not paginated", resource.id))
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn a_link_header_names_the_next_page() {
        let value = r#"</things?page=1>; rel="prev", <https://x.example/things?page=3>; title="n"; rel="next last""#;
        assert_eq!(next_of(value), Some("https://x.example/things?page=3"));
        assert_eq!(next_of(r#"</things?page=1>; rel="prev""#), None);
    }
}
