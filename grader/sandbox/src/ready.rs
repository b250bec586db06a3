//! When a service is ready, found out quickly.
//!
//! A declared health test is run by us every 100 ms, so that nobody waits out an interval of ten seconds. Ports come
//! first: the entry points of databases start a private server to prepare themselves, which passes a health test
//! inside the container and goes away again; it listens on no port that others could reach.
//! How long is patient enough is counted in the time of a machine that nobody else works on.

mod machine;
mod ports;
mod test;

use std::time::{Duration, Instant};

use bollard::models::ContainerState;
use grader_compose::project::Service;

use crate::containers::restarts_of;
use crate::errors::Doing;
use crate::stack::Shared;
use crate::{Event, SandboxError, Step};

use machine::Machine;
pub(crate) use ports::{Ports, Sockets, sockets};
use test::Test;

/// Time between looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A service that is exposed and neither published nor tested gets this long to open a port.
const EXPOSED: Duration = Duration::from_secs(5);

/// And this long when the document runs another program than the image's, whose ports those are: a worker, mostly.
const EXPOSED_BY_ANOTHER: Duration = Duration::from_secs(1);

/// A service with nothing to look at must stay up this long.
const SETTLED: Duration = Duration::from_millis(500);

/// A service that listens elsewhere gets this long to open the right port too.
const WRONG_PORT: Duration = Duration::from_secs(20);

/// Time between health tests of a service whose ports are still closed.
const IDLE_TEST: Duration = Duration::from_secs(1);

/// What showed that a service is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its health test passed.
    Healthy,
    /// It listens on a port that it should.
    Listening,
    /// It ended with exit code 0 and nothing of it is to stay.
    Completed,
    /// It runs; there is nothing else to look at.
    Running,
}

/// A ready service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReadiness {
    pub service: String,
    pub proof: Proof,
    pub took: Duration,
}

/// Waits until a started service is ready.
pub(crate) async fn wait(stack: &Shared, name: &str) -> Result<ServiceReadiness, SandboxError> {
    let (state, service) = stack.state(name)?;
    let run = &stack.run;
    run.tell(Event::Began { service: name.to_owned(), step: Step::Ready });
    let begun = Instant::now();
    let test = Test::of(service, &state.image);
    let ports = Ports::of(service, &state.image);
    let patience = run.options.limits.ready.max(test.as_ref().map_or(Duration::ZERO, Test::patience));
    let machine = Machine::watch(stack);
    let mut limit = patience.min(time_left(stack));
    let another = service.expose.is_empty() && (service.command.is_some() || service.entrypoint.is_some());
    let exposed = if another { EXPOSED_BY_ANOTHER } else { EXPOSED };
    let mut output = Vec::new();
    let mut first_pass: Option<Instant> = None;
    let mut elsewhere: Option<Instant> = None;
    let mut running_since: Option<Instant> = None;
    let mut tested: Option<Instant> = None;
    let proof = loop {
        let waited = begun.elapsed();
        if waited >= limit {
            limit = machine.stretched(stack, patience).await.min(time_left(stack) + waited);
        }
        match look(stack, name, service).await? {
            Seen::Completed => break Proof::Completed,
            Seen::Restarting => {
                running_since = None;
                first_pass = None;
            }
            Seen::Running => {
                let since = *running_since.get_or_insert_with(Instant::now);
                let open = match ports.any() {
                    true => sockets(stack, name).await,
                    false => None,
                };
                let listens = open.as_ref().is_some_and(|open| ports.listened(open));
                // A test costs a process, so while the ports that come first are closed it is run now and then only.
                let due =
                    listens || !ports.any() || open.is_none() || tested.is_none_or(|at| at.elapsed() >= IDLE_TEST);
                if let Some(test) = test.as_ref().filter(|_| due) {
                    tested = Some(Instant::now());
                    let passed = test.run(stack, name, &mut output).await;
                    first_pass = if passed { first_pass.or_else(|| Some(Instant::now())) } else { None };
                    // Exposed ports are only said, so a test that goes on passing outweighs them.
                    let steady = first_pass.is_some_and(|first| first.elapsed() >= EXPOSED);
                    if passed && (listens || !ports.any() || open.is_none() || (ports.published.is_empty() && steady)) {
                        break Proof::Healthy;
                    }
                } else if test.is_some() {
                    // Its turn comes.
                } else if listens {
                    break Proof::Listening;
                } else if !ports.any() || open.is_none() {
                    // Ports that cannot be seen may be those of a container that has ended since it was looked at.
                    if since.elapsed() >= SETTLED && matches!(look(stack, name, service).await?, Seen::Running) {
                        break Proof::Running;
                    }
                } else if ports.published.is_empty() && since.elapsed() >= exposed {
                    break Proof::Running;
                }
                let wrong = !ports.published.is_empty()
                    && !listens
                    && open.as_ref().is_some_and(|open| !open.is_empty())
                    && (test.is_none() || first_pass.is_some());
                elsewhere = if wrong { elsewhere.or_else(|| Some(Instant::now())) } else { None };
                let given_up = elsewhere.is_some_and(|since| since.elapsed() >= WRONG_PORT);
                if given_up || (waited >= limit && (test.is_none() || first_pass.is_some())) {
                    return Err(not_listening(stack, name, &ports, &open.unwrap_or_default()).await);
                }
            }
        }
        if waited >= limit {
            return Err(SandboxError::NeverHealthy {
                service: name.to_owned(),
                test: test.map_or_else(String::new, |test| test.to_string()),
                waited,
                output,
                log: stack.tail(name).await,
            });
        }
        // Looking must not take the time of what is looked at.
        stack.watch.pause(PAUSE.max((begun.elapsed() - waited) / 2)).await;
    };
    let took = begun.elapsed();
    run.tell(Event::Done { service: name.to_owned(), step: Step::Ready, took });
    Ok(ServiceReadiness { service: name.to_owned(), proof, took })
}

/// Waits until a service that does a job has done it.
pub(crate) async fn completed(stack: &Shared, name: &str, dependency: &str) -> Result<(), SandboxError> {
    let failed = async |what: String| SandboxError::DependencyFailed {
        service: name.to_owned(),
        dependency: dependency.to_owned(),
        what,
        log: stack.tail(dependency).await,
    };
    let begun = Instant::now();
    let limit = time_left(stack);
    loop {
        let (state, service) = stack.state(dependency)?;
        let now = inspect(stack, &state.container).await?;
        if has_ended(&now) {
            if now.state.exit_code == Some(0) {
                return Ok(());
            }
            if !will_restart(&now, service) {
                return Err(failed(format!("ended with exit code {}", now.state.exit_code.unwrap_or(-1))).await);
            }
        }
        if begun.elapsed() >= limit {
            return Err(failed("has not ended in the run's time".to_owned()).await);
        }
        stack.watch.pause(PAUSE).await;
    }
}

/// What a submission may use of the run's time: the last second is for telling why it was not enough.
fn time_left(stack: &Shared) -> Duration {
    stack.run.remaining().saturating_sub(Duration::from_secs(1))
}

enum Seen {
    Running,
    Restarting,
    Completed,
}

async fn look(stack: &Shared, name: &str, service: &Service) -> Result<Seen, SandboxError> {
    let (state, _) = stack.state(name)?;
    let now = inspect(stack, &state.container).await?;
    if !has_ended(&now) {
        return Ok(if now.state.restarting == Some(true) { Seen::Restarting } else { Seen::Running });
    }
    let exit_code = now.state.exit_code.unwrap_or(-1);
    if exit_code == 0 {
        // A service with ports that ends well has still ended; whoever probes it will say so.
        return Ok(Seen::Completed);
    }
    if will_restart(&now, service) {
        return Ok(Seen::Restarting);
    }
    let log = stack.tail(name).await;
    let name = name.to_owned();
    if now.state.oom_killed == Some(true) || stack.watch.ran_out_of_memory(&name) {
        return Err(SandboxError::OutOfMemory { service: name, limit: now.memory, log });
    }
    Err(SandboxError::Crashed { service: name, exit_code, restarts: now.restarts, log })
}

struct Now {
    state: ContainerState,
    restarts: i64,
    memory: u64,
}

async fn inspect(stack: &Shared, container: &str) -> Result<Now, SandboxError> {
    let found = stack.run.engine.docker.inspect_container(container, None).await.doing("look at a container")?;
    let memory = found.host_config.and_then(|host| host.memory).and_then(|memory| u64::try_from(memory).ok());
    Ok(Now {
        state: found.state.unwrap_or_default(),
        restarts: found.restart_count.unwrap_or(0),
        memory: memory.unwrap_or(0),
    })
}

fn has_ended(now: &Now) -> bool {
    now.state.running != Some(true) && now.state.restarting != Some(true)
}

/// Between the end of a container and the engine's decision to start it again it looks ended.
fn will_restart(now: &Now, service: &Service) -> bool {
    now.restarts < restarts_of(service)
}

async fn not_listening(stack: &Shared, name: &str, ports: &Ports, open: &Sockets) -> SandboxError {
    let port = ports.published.first().or(ports.exposed.first()).copied().unwrap_or(0);
    SandboxError::NotListening {
        service: name.to_owned(),
        port,
        listening: open.open_to_all(),
        loopback_only: open.only_loopback(port),
        log: stack.tail(name).await,
    }
}
