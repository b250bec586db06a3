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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use harness_kit::bind::Overrides;
    use harness_kit::protocol::{FromHarness, Host, Lines, Start, ToHarness, serve, write_line};
    use harness_kit::vantage::Endpoint;
    use harness_kit::{DatabaseHint, Facts};

    use super::*;

    fn start(databases: Vec<DatabaseHint>) -> Start {
        Start {
            spec: grader_spec::load_named("bookstore").expect("the built-in spec is sound").spec,
            endpoints: Vec::new(),
            facts: Facts { databases, ..Facts::default() },
            seed: 1,
            bindings: Overrides::default(),
            budget_seconds: 60,
            public_only: false,
        }
    }

    fn context(start: Start, host: Host) -> Context {
        let endpoint = Endpoint::plain("api", IpAddr::from([127, 0, 0, 1]), 9);
        Context::new(Arc::new(start.spec), Arc::new(start.facts), 1, endpoint, host, Overrides::default())
            .expect("a client")
    }

    fn hint(kind: DatabaseKind, service: &str) -> DatabaseHint {
        DatabaseHint {
            kind,
            service: service.to_owned(),
            host: "10.0.0.2".to_owned(),
            port: 5432,
            user: "u".to_owned(),
            password: "p".to_owned(),
            database: "d".to_owned(),
        }
    }

    /// What a harness asks of a host that grants everything.
    async fn asked<Fut: Future<Output = ()>>(work: impl FnOnce(Context) -> Fut) -> Vec<Control> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(theirs);
        let harness = serve(read, write, |start, host| work(context(start, host)));
        let granting = async {
            let (read, mut write) = tokio::io::split(ours);
            let start = ToHarness::Start(Box::new(start(Vec::new())));
            write_line(&mut write, &start).await.expect("the harness listens");
            let mut lines = Lines::new(read);
            let mut asked = Vec::new();
            while let Ok(Some(message)) = lines.next::<FromHarness>().await {
                if let FromHarness::Control { id, request } = message {
                    asked.push(request);
                    // A harness that has ended needs no reply.
                    let _ = write_line(&mut write, &ToHarness::Reply { id, reply: Ok(ControlReply::Done) }).await;
                }
            }
            asked
        };
        let (done, asked) = tokio::join!(async { harness.await.expect("a conversation") }, granting);
        let () = done;
        asked
    }

    fn pause() -> Control {
        Control::Pause { service: "db".to_owned(), at_most_seconds: 20 }
    }

    fn unpause() -> Control {
        Control::Unpause { service: "db".to_owned() }
    }

    #[tokio::test]
    async fn what_was_frozen_is_thawed_once() {
        let asked = asked(|ctx| async move {
            let frozen = Frozen::freeze(&ctx, "db", Duration::from_secs(20)).await.expect("it is granted");
            frozen.thaw().await.expect("it is granted");
        });
        assert_eq!(asked.await, [pause(), unpause()]);
    }

    #[tokio::test]
    async fn a_probe_that_is_given_up_leaves_nothing_frozen() {
        let asked = asked(|ctx| async move {
            let probe = async {
                let _frozen = Frozen::freeze(&ctx, "db", Duration::from_secs(20)).await.expect("it is granted");
                std::future::pending::<()>().await;
            };
            assert!(tokio::time::timeout(Duration::from_millis(200), probe).await.is_err());
        });
        assert_eq!(asked.await, [pause(), unpause()]);
    }

    #[tokio::test]
    async fn the_plan_names_the_database_where_nobody_found_it() {
        let (out, _said) = tokio::sync::mpsc::unbounded_channel();
        let of = |databases| database(&context(start(databases), Host::new(out.clone(), false)));
        assert_eq!(of(vec![hint(DatabaseKind::Mysql, "store")]), Ok("store".to_owned()));
        assert!(matches!(of(vec![hint(DatabaseKind::Sqlite, "api")]), Err(Stop::Blocked { by: "db.reachable", .. })));
        assert!(matches!(of(Vec::new()), Err(Stop::Blocked { by: "db.reachable", .. })));
    }

    #[tokio::test]
    async fn a_host_that_cannot_is_nobodys_fault() {
        let (out, _said) = tokio::sync::mpsc::unbounded_channel();
        let ctx = context(start(Vec::new()), Host::new(out, false));
        assert!(matches!(ask(&ctx, pause()).await, Err(Stop::Inconclusive(_))));
    }
}
