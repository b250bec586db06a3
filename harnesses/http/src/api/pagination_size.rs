//! `api.pagination.size`: the page-size parameter is obeyed, and an absurd size (1,000,000) is refused or lowered.
//!
//! Whether an absurd size is honoured only shows where there are more records than a page may hold: where the answer
//! grows with every record, records are made until there are more than the spec allows on one page.
//! Planted defect: `api-pagination-size` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Answer, Context, Phase, Probe, Stop, wire};

use super::fill::fill;
use super::pages;

/// Records that one page may hold, unless the spec says otherwise.
const AT_MOST: u64 = 500;
const ABSURD: &str = "1000000";
/// Parameters that a description gives a page size by.
const SIZES: &[&str] = &["limit", "size", "pagesize", "perpage", "take", "count", "first", "maxresults"];

pub(crate) struct Size;

#[async_trait]
impl Probe for Size {
    fn id(&self) -> &'static str {
        "api.pagination.size"
    }

    fn phase(&self) -> Phase {
        Phase::Flood
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let list = main.operation(Action::List)?.clone();
        let session = ctx.writer(&main)?;
        let mut values = ctx.values(self.id());
        let recorder = ctx.recorder();
        let ask = async |name: &str, size: &str| -> Result<(Answer, Option<usize>), Stop> {
            let answer = main.list_request(&[(name, size.to_owned())], session.as_ref())?.send(ctx).await;
            let count = if answer.is_success() { main.keys_in(&answer).map(|keys| keys.len()) } else { None };
            Ok((answer, count))
        };
        let pagination = main.pagination.clone().ok_or_else(|| pages::unpaged(&main))?;
        let Some(size) = pagination.size else {
            let documented = list.query.iter().find(|name| SIZES.contains(&wire::plain(name).as_str()));
            let Some(name) = documented else {
                return Err(Stop::not_applicable("pages have a fixed size, and nothing documents a way to choose it"));
            };
            let (answer, _) = ask(name, "2").await?;
            return Ok(Finding::fail(self.id(), format!("The documented page size `{name}` is ignored"))
                .expected(format!("2 records for {name}=2"))
                .actual("not 2 records")
                .evidence(recorder.evidence(&answer)));
        };
        fill(ctx, &main, &mut values, 4, &[]).await?;
        let (answer, count) = ask(&size, "3").await?;
        if count != Some(3) {
            let got = count.map_or_else(|| answer.status_line(), |count| format!("{count} records"));
            return Ok(Finding::fail(self.id(), format!("The page size `{size}` is ignored"))
                .expected(format!("3 records for {size}=3"))
                .actual(got)
                .evidence(recorder.evidence(&answer)));
        }
        let small = answer;
        let at_most = usize::try_from(ctx.param(self.id(), "at_most", AT_MOST)).unwrap_or(500);
        let expected = format!("{size}=3: 3 records; {size}={ABSURD}: a 4xx, or at most {at_most} records");
        let (mut answer, mut count) = ask(&size, ABSURD).await?;
        if let Some(before) = count.filter(|count| *count <= at_most) {
            fill(ctx, &main, &mut values, 1, &[]).await?;
            (answer, count) = ask(&size, ABSURD).await?;
            if count.is_some_and(|count| count > before) {
                fill(ctx, &main, &mut values, at_most + 1 - before, &[]).await?;
                (answer, count) = ask(&size, ABSURD).await?;
            }
        }
        let shown = [recorder.evidence(&small), recorder.evidence(&answer)];
        let finding = match count {
            Some(count) if count > at_most => Finding::fail(self.id(), format!("A page size of {ABSURD} is honoured"))
                .actual(format!("{size}={ABSURD}: more than {at_most} records")),
            Some(count) => {
                Finding::pass(self.id(), format!("The page size is obeyed, and at most {count} records are given"))
                    .actual(format!("{size}={ABSURD}: {count} records"))
            }
            None if answer.is_client_error() => {
                Finding::pass(self.id(), "The page size is obeyed, and an absurd one is refused")
                    .actual(format!("{size}={ABSURD}: {}", answer.status_line()))
            }
            None => Finding::fail(self.id(), format!("A page size of {ABSURD} answers {}", answer.status_line()))
                .actual(format!("{size}={ABSURD}: {}", answer.status_line())),
        };
        Ok(finding.expected(expected).evidences(shown))
    }
}
