//! The API's container asked to end while requests are in flight, and started again: done once, and judged by the probe of
//! the end and by the probe of what is left afterwards.
//!
//! Requests are held in flight by freezing the database until the signal was sent; where there is no such service they
//! follow each other closely, and whichever the signal meets is in flight.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use grader_spec::Action;
use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Answer, Context, Record, Request, Stop};
use tokio::sync::OnceCell;

use crate::machine;
use crate::reads::{Answered, Named, Reads};
use crate::services::{Frozen, ask, database, start_api, until};

/// How often it is done before requests count as cut.
const ATTEMPTS: u32 = 2;
/// Requests in flight at a time.
const FLYING: usize = 5;
/// How long requests fly before the signal, and the database stands still after it.
const BEFORE: Duration = Duration::from_millis(150);
const AFTER: Duration = Duration::from_millis(120);
/// Requests of one of them that follow each other, where nothing holds them.
const MOST_EACH: usize = 200;
/// A database stands still no longer than this, whatever happens.
const LONGEST_FREEZE: Duration = Duration::from_secs(15);
/// How much longer a process may take on a machine that others take: its end then says nothing about the limit.
const LONGER: u64 = 25_000;
/// How long a container that was killed may take to be gone.
const KILLED: u64 = 5_000;
/// How long the API may take to answer after its start.
const START: Duration = Duration::from_secs(60);

/// When the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    InTime,
    /// Too late, on a machine that others took.
    Late,
    Never,
}

/// Done by whoever asks first.
#[derive(Debug, Default)]
pub(crate) struct Cycle(OnceCell<Result<Seen, Stop>>);

/// What was seen of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ended: Ended,
    /// Answers to requests that were in flight at the signal, of the last attempt.
    pub(crate) in_flight: Vec<Answered>,
    /// How often it was done.
    pub(crate) attempts: u32,
    /// The record that was written before, and read.
    pub(crate) record: Record,
    pub(crate) before: Answer,
    /// The same record read afterwards.
    pub(crate) after: Answer,
}

impl Cycle {
    /// Ends and starts the API, once. `grace` is how long it may take to end.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where no record can be written and read, [`Stop::Inconclusive`] where the host cannot handle the
    /// stack.
    pub(crate) async fn seen(&self, ctx: &Context, grace: Duration) -> Result<&Seen, Stop> {
        self.0.get_or_init(|| go_round(ctx, grace)).await.as_ref().map_err(Clone::clone)
    }
}

async fn go_round(ctx: &Context, grace: Duration) -> Result<Seen, Stop> {
    let main = ctx.main()?;
    main.operation(Action::Read)?;
    let mut values = ctx.values("stop and start");
    let record = main.create(ctx, &mut values, &[]).await?;
    let read = |ctx: &Context| main.read_request(&record.key, ctx.writer(&main)?.as_ref());
    let before = read(ctx)?.send(ctx).await;
    if !before.is_success() {
        let status = before.status_line();
        return Err(Stop::inconclusive(format!("a record that was just made is answered {status}")));
    }
    let mut attempts = 0;
    let end = loop {
        attempts += 1;
        let reads = Reads::prepare(ctx, &format!("requests in flight {attempts}")).await?;
        let end = end_and_start(ctx, &reads, &read(ctx)?, grace).await?;
        ctx.sign_in_again().await;
        // A network can break a connection too: twice is no accident.
        let is_doubtful = end.ended != Ended::Never && end.in_flight.iter().any(|got| is_cut(&got.answer));
        if attempts == ATTEMPTS || !is_doubtful {
            break end;
        }
    };
    let after = read(ctx)?.send_aside(ctx).await;
    if after.status() == 0 && machine::is_taken().await {
        return Err(Stop::inconclusive("The API was not back in time, on a machine that was busy with other work"));
    }
    Ok(Seen { ended: end.ended, in_flight: end.in_flight, attempts, record, before, after })
}

/// Whether a request in flight was neither answered nor refused in so many words.
pub(crate) fn is_cut(answer: &Answer) -> bool {
    answer.is_breakdown() && answer.status() != 503
}

struct End {
    ended: Ended,
    in_flight: Vec<Answered>,
}

async fn end_and_start(ctx: &Context, reads: &Reads, sign_of_life: &Request, grace: Duration) -> Result<End, Stop> {
    let service = ctx.endpoint().service.clone();
    let over = AtomicBool::new(false);
    let flying = join_all((0..FLYING).map(|at| fly(ctx, reads.nth(at), &over)));
    let ending = async {
        let frozen = match database(ctx) {
            Ok(database) => Some(Frozen::freeze(ctx, &database, LONGEST_FREEZE).await?),
            Err(_) => None,
        };
        // What was sent before the freeze is answered by now, and what follows waits.
        tokio::time::sleep(BEFORE).await;
        let asked = Instant::now();
        let told = ask(ctx, Control::Terminate { service: service.clone() }).await;
        let signalled = Instant::now();
        over.store(true, Ordering::Relaxed);
        tokio::time::sleep(AFTER).await;
        if let Some(frozen) = frozen {
            frozen.thaw().await?;
        }
        told?;
        let within_millis = u64::try_from(grace.saturating_sub(asked.elapsed()).as_millis()).unwrap_or(0);
        let mut ended = if has_ended(ctx, &service, within_millis).await? { Ended::InTime } else { Ended::Never };
        if ended == Ended::Never && machine::is_taken().await && has_ended(ctx, &service, LONGER).await? {
            ended = Ended::Late;
        }
        if ended == Ended::Never {
            ask(ctx, Control::Kill { service: service.clone() }).await?;
            has_ended(ctx, &service, KILLED).await?;
        }
        Ok::<_, Stop>((ended, asked, signalled))
    };
    let (flights, ended) = tokio::join!(flying, ending);
    let (ended, asked, signalled) = ended?;
    let in_flight = flights
        .into_iter()
        .flatten()
        .filter(|flight| flight.began < asked && flight.ended > signalled)
        // A connection that was never made carried no request.
        .filter(|flight| !flight.got.answer.failure().is_some_and(|failure| failure.starts_with("no connection")))
        .map(|flight| flight.got)
        .collect();
    start_api(ctx).await?;
    until(ctx, sign_of_life, START, |answer| answer.status() != 0 && answer.status() != 503).await;
    Ok(End { ended, in_flight })
}

async fn has_ended(ctx: &Context, service: &str, within_millis: u64) -> Result<bool, Stop> {
    let reply = ask(ctx, Control::Ended { service: service.to_owned(), within_millis }).await?;
    Ok(matches!(reply, ControlReply::Ended { exit_code: Some(_) }))
}

struct Flight {
    began: Instant,
    ended: Instant,
    got: Answered,
}

/// Sends one request after the other until it is over.
async fn fly(ctx: &Context, named: Named, over: &AtomicBool) -> Vec<Flight> {
    let mut flights = Vec::new();
    while flights.len() < MOST_EACH && !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let got = named.clone().send_aside(ctx).await;
        flights.push(Flight { began, ended: Instant::now(), got });
    }
    flights
}
