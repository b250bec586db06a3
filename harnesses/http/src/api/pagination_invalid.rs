//! `api.pagination.invalid`: a page or size of -1, 0, `abc` or far past the end is never a 5xx. Refusing it (4xx) and
//! making the best of it (2xx) are both fine.
//!
//! Planted defect: `api-pagination-invalid` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::resource::PageStyle;
use harness_kit::{Context, Probe, Stop};

use super::pages;

const POSITIONS: &[&str] = &["-1", "0", "abc", "1000000"];
const SIZES: &[&str] = &["-1", "0", "abc"];

pub(crate) struct Invalid;

#[async_trait]
impl Probe for Invalid {
    fn id(&self) -> &'static str {
        "api.pagination.invalid"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let session = ctx.writer(&main)?;
        let pagination = main.pagination.clone().ok_or_else(|| pages::unpaged(&main))?;
        let control = main.list_request(&[], session.as_ref())?.send(ctx).await;
        if !control.is_success() {
            return Err(Stop::blocked("api.operations", format!("listing answers {}", control.status_line())));
        }
        let position = match &pagination.style {
            PageStyle::Page { param, .. } | PageStyle::Offset { param } | PageStyle::Cursor { param, .. } => {
                Some(param)
            }
            PageStyle::Link { .. } => None,
        };
        let positions = position.into_iter().flat_map(|name| POSITIONS.iter().map(move |value| (name, *value)));
        let sizes = pagination.size.iter().flat_map(|name| SIZES.iter().map(move |value| (name, *value)));
        let cases: Vec<(&String, &str)> = positions.chain(sizes).collect();
        if cases.is_empty() {
            return Err(Stop::not_applicable("pages follow links alone: there is no page or size to send"));
        }
        let recorder = ctx.recorder();
        let mut broken = Vec::new();
        let mut shown = None;
        for (name, value) in &cases {
            let answer = main.list_request(&[(name.as_str(), (*value).to_owned())], session.as_ref())?.send(ctx).await;
            if answer.is_breakdown() {
                broken.push((format!("{name}={value}: {}", answer.status_line()), answer));
            } else {
                shown = Some(answer);
            }
        }
        let expected = "a 4xx, or a sound page";
        if broken.is_empty() {
            return Ok(Finding::pass(self.id(), format!("None of {} odd pages and sizes is a 5xx", cases.len()))
                .expected(expected)
                .evidences(shown.iter().map(|answer| recorder.evidence(answer))));
        }
        let lines: Vec<&str> = broken.iter().map(|(line, _)| line.as_str()).collect();
        Ok(Finding::fail(self.id(), "An odd page or size breaks the list")
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(broken.iter().map(|(_, answer)| recorder.evidence(answer))))
    }
}
