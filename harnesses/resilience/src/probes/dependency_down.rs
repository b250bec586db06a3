//! `error.dependency-down`: while the database is away the API says so in bounded time and without its inside, and once it
//! is back the API works again.
//!
//! The database's service is frozen, so that connections stand and nothing answers: each kind of request must be answered
//! within `max_wait_seconds`. 503 is right, and so is an answer that needs no database; 502 and 504 speak of a gateway, and
//! a 4xx blames the client: half of it. Every other 5xx, no answer, and words of the driver fail. Then the service goes on,
//! and after that it is killed and started again, so that every pooled connection is dead: each time the API must work
//! again within `recovery_seconds`. While it is dead, quick answers are held to the same rules. On a machine that others
//! take, what is too late gets longer: what never comes still fails, and what comes late is left open. What the submission
//! answers meanwhile stays outside the record, and where it does not recover its container is restarted for the probes to
//! come. An inside that its refusals show anyway is `error.leaks`' finding and not this one's.
//! Planted defects: `error-dependency-down` and `error-dependency-down-*` of both submissions.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use grader_model::{Evidence, Finding};
use harness_kit::leaks::{self, Leak};
use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Answer, Context, Phase, Probe, Request, Stop};
use regex::Regex;

use crate::machine;
use crate::outage::Outage;
use crate::reads::{Answered, Named, Reads};
use crate::services::{Frozen, ask, database, restart_api, until};

pub(crate) struct DependencyDown(pub(crate) Arc<Outage>);

/// How many times longer everything may take on a machine that others take, before it counts as never.
const PATIENT: u32 = 3;
/// How long an answer is waited for while the database is dead: what takes longer was judged while it stood still.
const DEAD: Duration = Duration::from_millis(700);
/// How long a database may take to be ready again, of which the API is innocent.
const READY: u64 = 45;
/// How long the API is watched before anybody asks whether the database is ready.
const AT_FIRST: Duration = Duration::from_secs(3);
/// How long a restarted API may take.
const RESTART: Duration = Duration::from_secs(45);

#[async_trait]
impl Probe for DependencyDown {
    fn id(&self) -> &'static str {
        "error.dependency-down"
    }

    fn phase(&self) -> Phase {
        Phase::Break
    }

    fn needs_host(&self) -> bool {
        true
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let service = database(ctx)?;
        let limit = Duration::from_secs(ctx.param(self.id(), "max_wait_seconds", 10)).min(ctx.request_limit());
        let recovery = Duration::from_secs(ctx.param(self.id(), "recovery_seconds", 20));
        let mut reads = Reads::prepare(ctx, self.id()).await?;
        let mut requests = reads.reads.clone();
        requests.extend(reads.create().ok());
        let watched = reads.nth(0).request;
        if let Ok(ControlReply::Mark { at }) = ctx.control(Control::Mark).await {
            self.0.begin(at);
        }

        let frozen = Frozen::freeze(ctx, &service, limit * (PATIENT + 1) + Duration::from_secs(10)).await?;
        let mut paused = sent(ctx, &requests, limit).await;
        let mut excused = false;
        if paused.iter().any(|got| is_late(&got.answer)) && machine::is_taken().await {
            paused = sent(ctx, &requests, limit * PATIENT).await;
            excused = true;
        }
        frozen.thaw().await?;
        if ctx.database().is_none() && paused.iter().all(|got| got.answer.is_success()) {
            return Err(Stop::blocked("db.reachable", format!("what the API writes is not kept by {service}")));
        }
        let mut seen = Seen { paused, told: told(ctx), ..Seen::default() };
        let back = recovered(ctx, &watched, recovery).await;
        if !back.is_success() {
            seen.lost.push(("once it goes on", back));
        }
        if seen.lost.is_empty() {
            ask(ctx, Control::Kill { service: service.clone() }).await?;
            seen.dead = sent(ctx, &reads.reads, DEAD).await;
            ask(ctx, Control::Start { service: service.clone() }).await?;
            let mut back = until(ctx, &watched, AT_FIRST, Answer::is_success).await;
            if !back.is_success() {
                match ctx.control(Control::Ready { service: service.clone(), within_seconds: READY }).await {
                    Ok(_) => back = recovered(ctx, &watched, recovery).await,
                    Err(error) => {
                        return Err(Stop::inconclusive(format!(
                            "The database did not come back after its restart: {error}"
                        )));
                    }
                }
            }
            if !back.is_success() {
                seen.lost.push(("once it was restarted", back));
            }
        }
        if !seen.lost.is_empty() {
            restart_api(ctx).await?;
            until(ctx, &watched, RESTART, |answer| answer.status() != 0).await;
        }
        let finding = self.finding(ctx, limit, &seen);
        if excused && !finding.verdict.is_negative() {
            return Err(Stop::inconclusive("The machine was too busy to tell a late answer from a slow machine"));
        }
        Ok(finding)
    }
}

/// What was seen while the database was away, and afterwards.
#[derive(Debug, Default)]
struct Seen {
    paused: Vec<Answered>,
    dead: Vec<Answered>,
    /// When the API did not work again, and how it answered then.
    lost: Vec<(&'static str, Answer)>,
    /// What refusals showed of the inside before.
    told: BTreeSet<Leak>,
}

impl DependencyDown {
    fn finding(&self, ctx: &Context, limit: Duration, seen: &Seen) -> Finding {
        let seconds = limit.as_secs();
        let expected = format!("503 within {seconds} s, nothing of the inside, and recovery once the database is back");
        let mut lines = Vec::new();
        let mut bad = Vec::new();
        let mut doubtful = false;
        let mut shown: Vec<&Answer> = Vec::new();
        for (when, answers) in [("the database stands still", &seen.paused), ("the database is dead", &seen.dead)] {
            for Answered { name, answer } in answers {
                match judge(answer, limit, &seen.told) {
                    Borne::Well => {}
                    Borne::Doubtful(why) => {
                        doubtful = true;
                        lines.push(format!("{name} while {when}: {}, {why}", answer.status_line()));
                        shown.push(answer);
                    }
                    Borne::Badly(why) => {
                        bad.push(format!("{name} while {when}: {why}"));
                        shown.push(answer);
                    }
                }
            }
        }
        for (when, answer) in &seen.lost {
            bad.push(format!("{when}, the API still does not work: {}", answer.status_line()));
            shown.push(answer);
        }
        let evidence: Vec<Evidence> = shown.into_iter().take(4).map(|answer| ctx.recorder().evidence(answer)).collect();
        let is_bad = !bad.is_empty();
        bad.extend(lines);
        if is_bad {
            return Finding::fail(self.id(), format!("The loss of the database is not borne: {}", bad[0]))
                .expected(expected)
                .actual(bad.join("\n"))
                .evidences(evidence);
        }
        if doubtful {
            return Finding::partial(
                self.id(),
                0.5,
                format!("The loss of the database is told by another status: {}", bad[0]),
            )
            .expected(expected)
            .actual(bad.join("\n"))
            .evidences(evidence);
        }
        let told = seen.paused.iter().find(|got| got.answer.status() == 503);
        Finding::pass(self.id(), "While the database is away the API says so in time, and it recovers")
            .expected(expected.clone())
            .actual(expected)
            .evidences(told.map(|got| ctx.recorder().evidence(&got.answer)))
    }
}

/// The answer to a request that should work again: at once, mostly. On a machine that others take it gets longer.
async fn recovered(ctx: &Context, watched: &Request, within: Duration) -> Answer {
    let back = until(ctx, watched, within, Answer::is_success).await;
    if back.is_success() || !machine::is_taken().await {
        return back;
    }
    until(ctx, watched, within * (PATIENT - 1), Answer::is_success).await
}

async fn sent(ctx: &Context, requests: &[Named], limit: Duration) -> Vec<Answered> {
    let within = |named: &Named| Named { name: named.name.clone(), request: named.request.clone().timeout(limit) };
    join_all(requests.iter().map(|named| within(named).send_aside(ctx))).await
}

/// How an answer bears the loss.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Borne {
    Well,
    Doubtful(&'static str),
    Badly(String),
}

/// What refusals of the run have shown of the inside so far.
fn told(ctx: &Context) -> BTreeSet<Leak> {
    let exchanges = ctx.recorder().exchanges();
    let refusals = exchanges.iter().filter(|exchange| exchange.status >= 400);
    refusals
        .flat_map(|exchange| leaks::find(&leaks::words(&exchange.body)).map(|(leak, _)| leak).collect::<Vec<_>>())
        .collect()
}

fn judge(answer: &Answer, limit: Duration, told: &BTreeSet<Leak>) -> Borne {
    let text = leaks::words(&answer.text());
    let is_late = is_late(answer);
    // Cut off by a shorter wait than the limit: another observation speaks for it.
    if is_late && answer.elapsed() + Duration::from_millis(200) < limit {
        return Borne::Well;
    }
    borne(answer.status(), is_late, answer.failure().unwrap_or_default(), &text, limit, told)
}

/// Whether no whole answer came in the time that it had.
fn is_late(answer: &Answer) -> bool {
    answer.status() == 0 && answer.failure().is_some_and(|failure| failure.starts_with("no complete answer"))
}

fn borne(status: u16, is_late: bool, failure: &str, text: &str, limit: Duration, told: &BTreeSet<Leak>) -> Borne {
    if is_late {
        return Borne::Badly(format!("no answer within {} s", limit.as_secs()));
    }
    if status >= 400
        && let Some(what) = leak(text, told)
    {
        return Borne::Badly(format!("{} gives away {what}", harness_kit::http::status_line(status)));
    }
    match status {
        0 => Borne::Badly(failure.to_owned()),
        200..=399 | 408 | 425 | 429 | 503 => Borne::Well,
        400..=499 => Borne::Doubtful("as if the client were to blame"),
        502 | 504 => Borne::Doubtful("which is a gateway's word"),
        other => Borne::Badly(harness_kit::http::status_line(other)),
    }
}

/// Words of a driver or of the system about a peer that does not answer.
const PEER: &str = r"(?x)
    \b(?:ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|EPIPE)\b
    | \b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|jdbc:\w+|amqp|redis)://
    | \bport\s5432\b | :(?:5432|3306|27017)\b
    | \bserver\sclosed\sthe\sconnection\sunexpectedly\b
    | \bcould\snot\s(?:connect\sto\sserver|translate\shost\sname)\b
    | \bconnection\sto\sserver\sat\b
    | \bQueuePool\slimit\b | \bHikariPool\b | \bdial\s(?:tcp|unix)\b | \bgetaddrinfo\b
    | \b(?:the\sdatabase\ssystem\sis\s(?:starting\sup|shutting\sdown)|terminating\sconnection\sdue\sto)\b
    | \bcanceling\sstatement\sdue\sto\b";

static PEERS: LazyLock<Regex> = LazyLock::new(|| {
    // Proved by `what_a_driver_says_is_a_leak`: the pattern is a constant of this file.
    Regex::new(PEER).expect("a constant pattern compiles")
});

fn leak(text: &str, told: &BTreeSet<Leak>) -> Option<&'static str> {
    let found: Vec<Leak> = leaks::find(text).map(|(leak, _)| leak).collect();
    // A trace is full of everything else.
    if found.iter().any(|leak| told.contains(leak)) {
        return None;
    }
    found
        .first()
        .map(|leak| leak.said())
        .or_else(|| PEERS.is_match(text).then_some("where its database is, or its driver's words"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn of(status: u16, text: &str) -> Borne {
        borne(status, false, "the connection broke: closed", text, LIMIT, &BTreeSet::new())
    }

    #[test]
    fn only_503_tells_it_as_it_is() {
        for status in [200, 201, 204, 408, 429, 503] {
            assert_eq!(of(status, "{}"), Borne::Well, "{status}");
        }
        for status in [400, 401, 404, 502, 504] {
            assert!(matches!(of(status, "{}"), Borne::Doubtful(_)), "{status}");
        }
        for status in [0, 500, 501, 507] {
            assert!(matches!(of(status, "{}"), Borne::Badly(_)), "{status}");
        }
        assert_eq!(borne(0, true, "", "", LIMIT, &BTreeSet::new()), Borne::Badly("no answer within 10 s".to_owned()));
    }

    #[test]
    fn what_a_driver_says_is_a_leak() {
        for text in [
            "connect ECONNREFUSED 10.210.2.2:5432",
            "getaddrinfo EAI_AGAIN db",
            "connection to server at \"db\" (10.210.2.2), port 5432 failed",
            "could not translate host name \"db\" to address",
            "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
            "dial tcp 10.0.0.2:5432: connect: connection refused",
            "postgresql://shop:secret@db/shop",
            "the database system is starting up",
            "(psycopg.OperationalError) consuming input failed",
        ] {
            assert!(matches!(of(503, text), Borne::Badly(_)), "{text}");
        }
        for text in [
            "The service cannot reach its database; try again later.",
            "Service unavailable",
            "The connection to a service of ours timed out.",
        ] {
            assert_eq!(of(503, text), Borne::Well, "{text}");
        }
    }

    #[test]
    fn what_every_refusal_shows_is_told_elsewhere() {
        let text = "Error: connect ECONNREFUSED 10.210.2.2:5432\n    at Socket.connect (/app/dist/main.js:10:11)";
        let told = BTreeSet::from([Leak::StackTrace]);
        assert!(matches!(borne(503, false, "", text, LIMIT, &BTreeSet::new()), Borne::Badly(_)));
        assert_eq!(borne(503, false, "", text, LIMIT, &told), Borne::Well);
        let driver = "connect ECONNREFUSED 10.210.2.2:5432";
        assert!(matches!(borne(503, false, "", driver, LIMIT, &told), Borne::Badly(_)), "of another kind");
    }
}
