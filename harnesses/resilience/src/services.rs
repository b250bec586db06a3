//! The stack's services as these probes handle them: which is the database, freezing it, and asking the host.

use std::time::{Duration, Instant};

use grader_model::Verdict;
use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Answer, Context, DatabaseKind, Request, Stop};

/// Time between two looks at something that is expected to come back.
const POLL: Duration = Duration::from_millis(100);
/// Longest wait for one answer while polling.
const PATIENCE: Duration = Duration::from_secs(5);

/// The service that runs the API's database: the one where the API's records were found, else the plan's first.
///
/// # Errors
/// [`Stop::NotApplicable`] where the API keeps its records in its own container, [`Stop::Blocked`] by `db.reachable`
/// where no service holds them.
pub(crate) fn database(ctx: &Context) -> Result<String, Stop> {
    let api = &ctx.endpoint().service;
    let in_process =
        || Stop::not_applicable("The API keeps its records in its own container: there is no service to lose");
    if let Some(found) = ctx.database() {
        return match found.kind() {
            DatabaseKind::Sqlite => Err(in_process()),
            _ if found.service() == api => Err(in_process()),
            _ => Ok(found.service().to_owned()),
        };
    }
    let planned = ctx.facts().databases.iter().find(|hint| hint.kind != DatabaseKind::Sqlite && hint.service != *api);
    match planned {
        Some(hint) if ctx.verdict("db.reachable") != Some(Verdict::Fail) => Ok(hint.service.clone()),
        _ => Err(Stop::blocked("db.reachable", "no service of the stack holds the API's records")),
    }
}

/// Asks the host for something.
///
/// # Errors
/// [`Stop::Inconclusive`] where it cannot: that is never the submission's doing.
pub(crate) async fn ask(ctx: &Context, request: Control) -> Result<ControlReply, Stop> {
    ctx.control(request).await.map_err(|error| Stop::inconclusive(format!("The stack could not be handled: {error}")))
}

/// A service whose processes stand still until this is thawed or dropped.
pub(crate) struct Frozen<'a> {
    ctx: &'a Context,
    service: String,
    thawed: bool,
}

impl<'a> Frozen<'a> {
    /// Freezes a service, for `at_most` even if nobody thaws it.
    ///
    /// # Errors
    /// As [`ask`].
    pub(crate) async fn freeze(ctx: &'a Context, service: &str, at_most: Duration) -> Result<Self, Stop> {
        let at_most_seconds = at_most.as_secs().max(1);
        ask(ctx, Control::Pause { service: service.to_owned(), at_most_seconds }).await?;
        Ok(Frozen { ctx, service: service.to_owned(), thawed: false })
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// As [`ask`].
    pub(crate) async fn thaw(mut self) -> Result<(), Stop> {
        ask(self.ctx, Control::Unpause { service: self.service.clone() }).await?;
        self.thawed = true;
        Ok(())
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if !self.thawed {
            self.ctx.tell_host(Control::Unpause { service: self.service.clone() });
        }
    }
}

/// Starts the API's container again and follows it to its new address.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn start_api(ctx: &Context) -> Result<(), Stop> {
    let service = ctx.endpoint().service.clone();
    follow(ctx, ask(ctx, Control::Start { service }).await?).await
}

/// Restarts the API's container, at once, and follows it.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn restart_api(ctx: &Context) -> Result<(), Stop> {
    let service = ctx.endpoint().service.clone();
    follow(ctx, ask(ctx, Control::Restart { service, grace_seconds: 0 }).await?).await
}

async fn follow(ctx: &Context, reply: ControlReply) -> Result<(), Stop> {
    let ControlReply::Address { address } = reply else {
        return Err(Stop::inconclusive("The host did not say where the API is after its start"));
    };
    ctx.moved(address)
        .await
        .map_err(|error| Stop::inconclusive(format!("No client for the API's new address: {error}")))
}

/// Sends the request again and again until its answer is as wanted or the time is over, and gives the last answer.
pub(crate) async fn until(
    ctx: &Context,
    request: &Request,
    within: Duration,
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let began = Instant::now();
    loop {
        let answer = request.clone().timeout(PATIENCE).send_aside(ctx).await;
        if wanted(&answer) || began.elapsed() >= within {
            return answer;
        }
        tokio::time::sleep(POLL).await;
    }
}
