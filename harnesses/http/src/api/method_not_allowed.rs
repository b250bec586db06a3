//! `api.status.method-not-allowed`: a method that a path does not serve is answered 405 (RFC 9110, 15.5.6); 404 is
//! partial, as what many routers do by themselves. A missing `Allow` is noted.
//!
//! Harmless by choice: no DELETE; on a record only one made for it; bodies are empty objects. A method that is described,
//! bound or written in the source for the path is not taken; one that answers as if it were served after all gives way
//! to the next. Planted defect: `api-status-method-not-allowed` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Answer, Context, Probe, Request, Session, Stop};
use serde_json::json;

use super::routes;

pub(crate) struct MethodNotAllowed;

#[async_trait]
impl Probe for MethodNotAllowed {
    fn id(&self) -> &'static str {
        "api.status.method-not-allowed"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let session = ctx.writer(&main)?;
        let mut asked = Vec::new();
        if let Some(list) = main.operations.get(&Action::List) {
            let control = main.list_request(&[], session.as_ref())?.send(ctx).await;
            if control.is_success() {
                asked.extend(ask(ctx, &list.template, &list.path, &["PATCH", "PUT"], session.as_ref()).await);
            }
        }
        if let Some(read) = main.operations.get(&Action::Read) {
            let record = main.create(ctx, &mut ctx.values(self.id()), &[]).await?;
            let path = read.path_for(&record.key);
            asked.extend(ask(ctx, &read.template, &path, &["POST", "PUT", "PATCH"], session.as_ref()).await);
        }
        if asked.is_empty() {
            return Err(Stop::blocked("api.operations", "no path was found whose methods are known"));
        }
        let (mut earned, mut lines, mut shown) = (0.0, Vec::new(), Vec::new());
        for (path, answer) in &asked {
            earned += match answer.status() {
                405 => 1.0,
                404 => 0.5,
                _ => 0.0,
            };
            let method = &answer.record().method;
            lines.push(format!("{method} {path}: {}", answer.status_line()));
            shown.push(ctx.recorder().evidence(answer));
            if answer.status() == 405 && answer.header("allow").is_none() {
                ctx.observe(format!("405 for {method} {path} comes without `Allow` (RFC 9110, 15.5.6)"));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "two paths")]
        let fraction = earned / asked.len() as f64;
        let summary = if fraction >= 1.0 {
            "A method that a path does not serve is answered 405"
        } else {
            "A method that a path does not serve is not always answered 405"
        };
        Ok(Finding::partial(self.id(), fraction, summary)
            .expected("405 Method Not Allowed")
            .actual(lines.join("\n"))
            .evidences(shown))
    }
}

/// Tries methods that the path is not known to serve until one is answered as not served; else gives the first answer.
async fn ask(
    ctx: &Context,
    template: &str,
    path: &str,
    methods: &[&str],
    session: Option<&Session>,
) -> Option<(String, Answer)> {
    let served = routes::methods_of(ctx, template);
    let mut first = None;
    for method in methods.iter().filter(|method| !served.contains(**method)) {
        let answer = Request::new(method, path).json(json!({})).session(session).send(ctx).await;
        // Checked as a body, its precondition or its media type is: there is something behind the method.
        let looks_served = answer.is_success() || matches!(answer.status(), 400 | 409 | 412 | 415 | 422 | 428);
        if !looks_served {
            return Some((template.to_owned(), answer));
        }
        first.get_or_insert(answer);
    }
    first.map(|answer| (template.to_owned(), answer))
}
