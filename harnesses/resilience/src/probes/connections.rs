//! `db.connections`: 50 requests at a time are answered, and the database has no more clients after them than after the 50
//! before.
//!
//! The server itself counts its clients, at rest: a pool that grows to its bound, and one that opens a connection for a
//! request and closes it, both pass; a request that leaves its connection behind does not. What fails, 5xx or a broken
//! connection, must fail in most of three waves. Where the machine is busy, only quick failures count. A limiter's 429 is
//! no failure. A database kept in a file has nobody to count: there the requests alone decide. It runs while a limiter's
//! window passes, when nothing else is sent.
//! Planted defects: `db-connections` of both submissions.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use grader_model::{Evidence, Finding, Verdict};
use harness_kit::{Context, LiveDatabase, Phase, Probe, Stop};

use crate::machine;
use crate::reads::{Answered, Named, Reads};
use crate::rounds::at_once;

pub(crate) struct Connections;

/// Waves before a negative verdict.
const WAVES: usize = 3;
/// How long the clients' number may take to settle.
const SETTLING: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(40);
/// Failures that took longer may be the machine's.
const QUICK: Duration = Duration::from_secs(1);

/// What one wave left.
#[derive(Debug)]
struct Wave {
    answers: Vec<Answered>,
    /// Clients of the database once it was over; `None` where nobody counts.
    clients: Option<u32>,
}

#[async_trait]
impl Probe for Connections {
    fn id(&self) -> &'static str {
        "db.connections"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let reads = Reads::prepare(ctx, self.id()).await?;
        let database = match ctx.database() {
            Some(database) => database,
            None if ctx.verdict("db.reachable") == Some(Verdict::Fail) => {
                return Err(Stop::blocked(
                    "db.reachable",
                    "the database was not found, so nobody can count its clients",
                ));
            }
            None => return Err(Stop::inconclusive("The database was not looked for, or could not be")),
        };
        let at_once_count = ctx.param(self.id(), "at_once", 50).clamp(2, 200);
        let size = usize::try_from(at_once_count).unwrap_or(50);
        let wave = async || -> Result<Wave, Stop> {
            let requests: Vec<Named> = (0..size).map(|at| reads.nth(at)).collect();
            let answers = at_once(ctx, requests).await;
            Ok(Wave { answers, clients: settled(database.as_ref()).await? })
        };
        // The first wave brings a pool to its size; growth shows from the second on.
        let mut waves = vec![wave().await?, wave().await?];
        if is_suspect(&waves, size) {
            waves.push(wave().await?);
        }
        let failing = waves.iter().filter(|wave| wave.answers.iter().any(is_failure)).count();
        if failing * 2 > WAVES {
            return self.failing(ctx, size, &waves).await;
        }
        let counted = database.counted_by().map(|statement| {
            Evidence::note(format!(
                "Clients of the database, counted at rest after each wave of {size} requests: {statement}"
            ))
        });
        let expected = format!("{size} requests at a time are answered, and leave no connection behind");
        if waves.len() == WAVES && grows(&waves, size) {
            let actual = "each wave of requests leaves more connections open at the database";
            return Ok(Finding::fail(self.id(), "Connections to the database grow with the number of requests")
                .expected(expected)
                .actual(actual)
                .evidences(counted)
                .attempts(u32::try_from(waves.len()).unwrap_or(u32::MAX)));
        }
        let summary = match counted {
            Some(_) => format!("{size} requests at a time are answered and leave no connection behind"),
            None => format!("{size} requests at a time are answered; a database in a file has no connections to count"),
        };
        Ok(Finding::pass(self.id(), summary).expected(expected.clone()).actual(expected).evidences(counted))
    }
}

impl Connections {
    async fn failing(&self, ctx: &Context, size: usize, waves: &[Wave]) -> Result<Finding, Stop> {
        let failures = || waves.iter().flat_map(|wave| &wave.answers).filter(|got| is_failure(got));
        if failures().all(|got| got.answer.elapsed() > QUICK) && machine::is_taken().await {
            return Err(Stop::inconclusive("The machine was too busy to tell a failing API from a slow machine"));
        }
        let mut lines: Vec<String> =
            failures().map(|got| format!("{}: {}", got.name, got.answer.status_line())).collect();
        lines.sort();
        lines.dedup();
        let shown = failures().min_by_key(|got| got.name.clone()).map(|got| ctx.recorder().evidence(&got.answer));
        Ok(Finding::fail(
            self.id(),
            format!("Requests fail at {size} at a time: {}", lines.first().map_or("", String::as_str)),
        )
        .expected(format!("{size} requests at a time are answered, and leave no connection behind"))
        .actual(lines.join("\n"))
        .evidences(shown)
        .attempts(u32::try_from(waves.len()).unwrap_or(u32::MAX)))
    }
}

fn is_failure(got: &Answered) -> bool {
    got.answer.is_breakdown()
}

/// Whether two waves are not enough to let it pass.
fn is_suspect(waves: &[Wave], size: usize) -> bool {
    waves.iter().any(|wave| wave.answers.iter().any(is_failure)) || grows(waves, size)
}

/// Whether every wave after the first left at least one more connection for every fourth request.
fn grows(waves: &[Wave], size: usize) -> bool {
    let clients: Vec<Option<u32>> = waves.iter().map(|wave| wave.clients).collect();
    has_grown(&clients, size)
}

fn has_grown(clients: &[Option<u32>], size: usize) -> bool {
    let more = u32::try_from(size.div_ceil(4)).unwrap_or(u32::MAX);
    clients.windows(2).all(|pair| matches!(pair, [Some(before), Some(after)] if *after >= before.saturating_add(more)))
}

/// The number of clients once two looks agree; connections that are being closed are none that stay.
async fn settled(database: &dyn LiveDatabase) -> Result<Option<u32>, Stop> {
    if database.counted_by().is_none() {
        return Ok(None);
    }
    let count = async || {
        let counted = database.connections().await;
        counted.map_err(|error| Stop::inconclusive(format!("The database's clients could not be counted: {error}")))
    };
    let began = Instant::now();
    let mut last = count().await?;
    while began.elapsed() < SETTLING {
        tokio::time::sleep(LOOK).await;
        let now = count().await?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(Some(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(clients: &[u32]) -> bool {
        has_grown(&clients.iter().copied().map(Some).collect::<Vec<_>>(), 50)
    }

    #[test]
    fn a_pool_that_reached_its_size_does_not_grow() {
        assert!(!grown(&[10, 10]) && !grown(&[10, 12, 12]) && !grown(&[50, 50, 50]));
        // Closed again after each request.
        assert!(!grown(&[0, 0, 0]) && !grown(&[30, 55, 55]));
    }

    #[test]
    fn connections_left_behind_do() {
        assert!(grown(&[50, 100]) && grown(&[12, 37, 62]) && grown(&[10, 23, 36]) && !grown(&[10, 22, 34]));
    }

    #[test]
    fn nobody_counts_a_file() {
        assert!(!has_grown(&[None, None, None], 50));
    }
}
