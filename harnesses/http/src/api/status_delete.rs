//! `api.status.delete`: deleting answers 204, or 200 or 202 with a body (RFC 9110, 9.3.5), and the record is gone
//! afterwards: it can neither be read nor listed.
//!
//! A refusal with another status than 404, or a success without the record, counts as gone here: the status for what is
//! not there is `api.status.unknown`'s.
//! Planted defect: `api-status-delete` of the Express submission (a soft delete that reading does not see).

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Answer, BoundResource, Context, Probe, Request, Session, Stop};

use super::pages::Walk;

/// Pages that are looked through for the record.
const PAGES: usize = 40;

pub(crate) struct StatusDelete;

#[async_trait]
impl Probe for StatusDelete {
    fn id(&self) -> &'static str {
        "api.status.delete"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        main.operation(Action::Delete)?;
        let mut values = ctx.values(self.id());
        let record = main.create(ctx, &mut values, &[]).await?;
        let session = ctx.writer(&main)?;
        let can_read = main.operations.contains_key(&Action::Read);
        if can_read {
            let before = main.read_request(&record.key, session.as_ref())?.send(ctx).await;
            if !before.is_success() {
                let status = before.status_line();
                return Err(Stop::blocked("api.operations", format!("reading a record answers {status}")));
            }
        }
        let listed = listed_on(ctx, &main, &record.key, session.as_ref()).await;
        let deleted = main.delete_request(&record.key, session.as_ref())?.send(ctx).await;
        let recorder = ctx.recorder();
        let status = deleted.status_line();
        let expected = "204 No Content, or 200 or 202 with a body; then 404 Not Found";
        let sound = match deleted.status() {
            204 => true,
            200 | 202 => !deleted.body().is_empty(),
            _ => false,
        };
        let mut wrong = Vec::new();
        let mut shown = vec![deleted.clone()];
        if !sound {
            let bodiless = if deleted.is_success() && deleted.body().is_empty() { " without a body" } else { "" };
            wrong.push(format!("deleting: {status}{bodiless}"));
        }
        if can_read {
            let after = main.read_request(&record.key, session.as_ref())?.send(ctx).await;
            if !is_gone(&main, &after, &record.key) {
                wrong.push(format!("reading it afterwards: {}", after.status_line()));
                shown.push(after);
            }
        }
        if let Some(request) = listed {
            let after = request.send(ctx).await;
            if main.keys_in(&after).is_some_and(|keys| keys.contains(&record.key)) {
                wrong.push("listing afterwards: it is still in the list".to_owned());
                shown.push(after);
            }
        }
        let evidence: Vec<_> = shown.iter().map(|answer| recorder.evidence(answer)).collect();
        let id = &main.id;
        let finding = if wrong.is_empty() {
            Finding::pass(self.id(), format!("Deleting a {id} answers {status}, and it is gone")).actual(status)
        } else {
            let summary = if sound {
                format!("A deleted {id} is still there")
            } else {
                format!("Deleting a {id} answers {status}")
            };
            Finding::fail(self.id(), summary).actual(wrong.join("\n"))
        };
        Ok(finding.expected(expected).evidences(evidence))
    }
}

fn is_gone(resource: &BoundResource, answer: &Answer, key: &str) -> bool {
    if answer.is_success() {
        let record = resource.record_in(answer);
        return !record.is_some_and(|record| {
            record.get(&resource.key).and_then(harness_kit::wire::text).is_some_and(|found| found == key)
        });
    }
    // Reading it worked before: whoever refuses it now says that it is gone, if not in the right words.
    answer.is_client_error() && !matches!(answer.status(), 401 | 403 | 429)
}

/// The list request that shows the record, where one of the first pages does.
async fn listed_on(ctx: &Context, resource: &BoundResource, key: &str, session: Option<&Session>) -> Option<Request> {
    let mut walk = Walk::begin(ctx, resource, session, 50)?;
    for _ in 0..PAGES {
        let page = walk.next().await?;
        if page.keys.iter().any(|found| found == key) {
            return Some(page.request);
        }
    }
    None
}
