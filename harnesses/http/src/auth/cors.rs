//! `auth.cors`: no page of any other origin may read answers with its visitor's credentials. That is so where an arbitrary
//! origin is reflected in `Access-Control-Allow-Origin` together with `Access-Control-Allow-Credentials: true` (Fetch
//! Standard, 3.2; OWASP WSTG-CLNT-07).
//!
//! Simple requests and preflights are asked with origins that nobody can have named: two strange ones, `null`, and one that
//! a search for the service's own name would let by. `*` is fine: browsers send no credentials to it. An origin that is
//! listed by name is no finding.
//! Planted defect: `auth-cors` of the Django submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Answer, Context, Phase, Probe, Request, Stop};

/// Origins that no allow-list has: of a stranger, of a sandboxed frame, and one that only begins as a trusted one does.
const ORIGINS: &[&str] =
    &["https://stranger.example", "https://another-stranger.example:8443", "null", "http://localhost.stranger.example"];

pub(crate) struct Cors;

#[async_trait]
impl Probe for Cors {
    fn id(&self) -> &'static str {
        "auth.cors"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let targets = targets(ctx)?;
        let control = targets[0].clone().send(ctx).await;
        if control.status() == 0 || control.is_breakdown() {
            return Err(Stop::inconclusive(format!(
                "a request without an origin is answered {}",
                control.status_line()
            )));
        }
        let recorder = ctx.recorder();
        let (mut open, mut shown, mut asked) = (Vec::new(), None, 0);
        for target in &targets {
            for origin in ORIGINS {
                asked += 1;
                let answer = target.clone().header("origin", *origin).send(ctx).await;
                if lets_in(&answer, origin) {
                    open.push((format!("{} with Origin: {origin}", target.method), answer));
                } else {
                    shown = Some(answer);
                }
            }
        }
        let expected = "no strange origin together with Access-Control-Allow-Credentials: true";
        if let Some((what, _)) = open.first() {
            let lines: Vec<String> =
                open.iter().map(|(what, _)| format!("{what}: reflected, with credentials")).collect();
            return Ok(Finding::fail(self.id(), format!("Pages of any origin may act with credentials: {what}"))
                .expected(expected)
                .actual(lines.join("\n"))
                .evidences(open.iter().take(3).map(|(_, answer)| recorder.evidence(answer))));
        }
        Ok(Finding::pass(
            self.id(),
            format!("None of {asked} requests from strange origins is let in with credentials"),
        )
        .expected(expected)
        .actual(expected)
        .evidences(shown.iter().map(|answer| recorder.evidence(answer))))
    }
}

/// A read, and preflights of a write and of signing in, as far as they were found.
fn targets(ctx: &Context) -> Result<Vec<Request>, Stop> {
    let main = ctx.main()?;
    let session = ctx.writer(&main)?;
    let mut targets = Vec::new();
    if main.operations.contains_key(&Action::List) {
        targets.push(main.list_request(&[], session.as_ref())?);
    }
    let preflight = |method: &str, path: &str| {
        Request::new("OPTIONS", path)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization,content-type")
    };
    if let Ok(create) = main.operation(Action::Create) {
        targets.push(preflight(&create.method, &create.path));
    }
    if let Ok(login) = ctx.login() {
        targets.push(preflight(&login.method, &login.path));
    }
    if targets.is_empty() {
        return Err(Stop::blocked("api.operations", "nothing was found that could be asked from another origin"));
    }
    Ok(targets)
}

/// Whether an answer lets a page of that origin read it with its visitor's credentials.
fn lets_in(answer: &Answer, origin: &str) -> bool {
    reflects(answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials"), origin)
}

fn reflects(allowed: Option<&str>, credentials: Option<&str>, origin: &str) -> bool {
    // Browsers compare both exactly.
    allowed.is_some_and(|allowed| allowed.trim() == origin) && credentials.is_some_and(|value| value.trim() == "true")
}

#[cfg(test)]
mod tests {
    use super::reflects;

    #[test]
    fn only_a_reflected_origin_with_credentials_lets_in() {
        let origin = "https://stranger.example";
        assert!(reflects(Some(origin), Some("true"), origin));
        assert!(reflects(Some("null"), Some("true"), "null"));
        assert!(!reflects(Some("*"), Some("true"), origin));
        assert!(!reflects(Some(origin), None, origin));
        assert!(!reflects(Some("https://shop.example"), Some("true"), origin));
        assert!(!reflects(None, Some("true"), origin));
    }
}
