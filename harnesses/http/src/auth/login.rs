//! `auth.login`: signing in gives a session, and a wrong password does not.
//!
//! A wrong password may be answered with any 4xx: 401 is customary, and 400, 403 and 404 are in the field. A 200 with an
//! error in its body lets nobody in and is partial, as is a breakdown.
//! Planted defect: none of its own; what does not sign in at all blocks everything that needs a session.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::account::find_session;
use harness_kit::bind::sign_in_request;
use harness_kit::{Context, Probe, Stop};

use super::attempts;

pub(crate) struct Login;

#[async_trait]
impl Probe for Login {
    fn id(&self) -> &'static str {
        "auth.login"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let expected = "a session for the right password, a 4xx without one for a wrong password";
        match ctx.login() {
            Ok(_) => {}
            Err(Stop::Blocked { by, why }) if by == self.id() => {
                let paths = &ctx.spec().domain.accounts.login.paths;
                return Ok(Finding::fail(self.id(), "A registered user cannot sign in")
                    .expected(expected)
                    .actual(why)
                    .evidences(attempts::shown(ctx, paths)));
            }
            Err(stop) => return Err(stop),
        }
        let account = ctx.account().await?;
        let wrong = ctx.values(self.id()).password();
        let refused = ctx.send_auth(sign_in_request(ctx, &account.identity, &wrong)?).await?;
        let recorder = ctx.recorder();
        let answered =
            format!("right password: {}, wrong password: {}", account.login.status_line(), refused.status_line());
        let let_in = refused.is_success().then(|| find_session(&refused)).flatten();
        let finding = if let_in.is_some() {
            Finding::fail(self.id(), "A wrong password is let in").evidence(recorder.evidence(&refused))
        } else if refused.is_client_error() {
            return Ok(Finding::pass(self.id(), "The right password gives a session, a wrong one is refused")
                .expected(expected)
                .actual(answered)
                .evidence(recorder.evidence(&account.login))
                .evidence(recorder.evidence(&refused)));
        } else {
            let summary = format!("A wrong password lets nobody in, but is answered {}", refused.status_line());
            Finding::partial(self.id(), 0.5, summary).evidence(recorder.evidence(&refused))
        };
        Ok(finding.expected(expected).actual(answered))
    }
}
