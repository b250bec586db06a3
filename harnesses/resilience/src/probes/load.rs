//! `error.load`: the spec's modest load, mostly reads, is answered without errors and in time.
//!
//! `requests` requests leave at `requests_per_second`, whether or not the ones before were answered: lists and single
//! records in turn, and one in ten a create. A round within the bounds decides at once; a worse one is repeated, and only
//! three bad rounds are a verdict. A limiter's 429 is no error: what it lets through is judged, and where it lets through
//! too little, nothing is. The machine is no candidate's fault: rounds in which the harness itself was late do not count,
//! and where other work leaves less than a whole processor, the bound grows as that share shrinks; with less than half of
//! one left, slowness says nothing. Such a round is repeated too, as long as there is time; then the verdict is left open.
//! But no machine excuses a kind of request that is slow beside another one of the same round, and many times slower than
//! alone. It runs while a limiter's window passes, when nothing else is sent.
//! Planted defects: `error-load` of both submissions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Answer, Context, Phase, Probe, Stop};

use crate::machine::{self, FREE};
use crate::percentile::percentile;
use crate::reads::{Answered, Named, Reads};
use crate::rounds::{Round, at_rate};

pub(crate) struct Load;

/// Bad rounds that make a verdict; it says that it was tried so often, whatever the machine voided.
const BAD: usize = 3;
/// Rounds in all, and the time after which no other begins.
const ROUNDS: usize = 8;
const LONGEST: Duration = Duration::from_secs(45);
/// Every so manieth request creates a record.
const CREATE_EACH: usize = 10;
/// Answers that a round needs besides those of a limiter.
const ENOUGH: usize = 20;
/// Pause before another round, in which the API catches up.
const REST: Duration = Duration::from_millis(500);
/// A harness that sends later than this, at its own 95th percentile, is itself short of time.
const LATE: Duration = Duration::from_millis(100);
/// Below this share of a processor the machine excuses any slowness: what needs half of one is overrun by the load there.
const HALF: f64 = 0.5;
/// How many times slower than alone a kind of request must be to stand out.
const MANY: u32 = 5;
/// Most requests and seconds of one round, whatever a spec says.
const MOST_REQUESTS: u64 = 2_000;
const MOST_SECONDS: u64 = 20;

#[async_trait]
impl Probe for Load {
    fn id(&self) -> &'static str {
        "error.load"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let plan = Plan::of(ctx, self.id());
        let mut reads = Reads::prepare(ctx, self.id()).await?;
        let mut rounds = Vec::new();
        let began = Instant::now();
        loop {
            let round = at_rate(ctx, requests(&mut reads, plan.requests)?, plan.per_second).await;
            let mut seen = Seen::of(&round, plan.bound);
            if !seen.is_good(plan.bound) {
                // What is still being answered would pass for other people's work.
                tokio::time::sleep(REST).await;
                seen.share = machine::share().await;
                let alone = alone(ctx, &reads).await;
                seen.stands_out = stands_out(&times_by_kind(&round), &alone, plan.bound);
            }
            rounds.push((seen, round));
            let seen: Vec<&Seen> = rounds.iter().map(|(seen, _)| seen).collect();
            let is_over = seen.len() >= ROUNDS || began.elapsed() >= LONGEST;
            if let Some(ruling) = rule(&seen, plan.bound, is_over) {
                return self.finding(ctx, &plan, ruling, &rounds);
            }
        }
    }
}

impl Load {
    fn finding(&self, ctx: &Context, plan: &Plan, ruling: Ruling, rounds: &[(Seen, Round)]) -> Result<Finding, Stop> {
        let bound = plan.bound.as_millis();
        let expected =
            format!("no errors, and 95 % of the answers within {bound} ms, at {} requests a second", plan.per_second);
        let how = format!(
            "{} requests at {} a second, none waiting for another's answer: lists and single records, one in {CREATE_EACH} a create",
            plan.requests, plan.per_second
        );
        let limited = rounds.iter().any(|(seen, _)| seen.limited > 0);
        let finding = match ruling {
            Ruling::Borne if limited => Finding::pass(
                self.id(),
                "The modest load is borne; what the API's own limiter refused with 429 is no error",
            )
            .actual(expected.clone()),
            Ruling::Borne => Finding::pass(self.id(), "The modest load is borne").actual(expected.clone()),
            Ruling::Errors => {
                let wrong = rounds.iter().flat_map(|(_, round)| &round.answers).filter(|got| is_error(&got.answer));
                let lines = lines_of(wrong.clone());
                let summary =
                    format!("Requests fail under a modest load: {}", lines.first().map_or("", String::as_str));
                let shown = wrong.min_by_key(|got| line_of(got)).map(|got| ctx.recorder().evidence(&got.answer));
                Finding::fail(self.id(), summary).actual(lines.join("\n")).evidences(shown)
            }
            Ruling::Slow => {
                let slowest =
                    rounds.iter().flat_map(|(_, round)| &round.answers).max_by_key(|got| got.answer.elapsed());
                Finding::fail(self.id(), "Answers take too long under a modest load")
                    .actual(format!("more than 5 % of the answers take longer than {bound} ms"))
                    .evidences(slowest.map(|got| ctx.recorder().evidence(&got.answer)))
            }
            Ruling::Limited => {
                return Err(Stop::inconclusive("The API's own limiter refuses the modest load before it is one"));
            }
            Ruling::Starved => {
                return Err(Stop::inconclusive("The machine was too busy to tell a slow API from a slow machine"));
            }
        };
        let attempts = if finding.verdict.is_negative() { BAD } else { 1 };
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        Ok(finding.expected(expected).evidence(Evidence::note(how)).attempts(attempts))
    }
}

/// The load that the spec asks for.
struct Plan {
    per_second: u64,
    requests: u64,
    bound: Duration,
}

impl Plan {
    fn of(ctx: &Context, id: &str) -> Self {
        let per_second = ctx.param(id, "requests_per_second", 50).clamp(1, 500);
        let requests = ctx.param(id, "requests", 100).clamp(1, MOST_REQUESTS.min(per_second * MOST_SECONDS));
        Plan { per_second, requests, bound: Duration::from_millis(ctx.param(id, "p95_ms", 500)) }
    }
}

fn requests(reads: &mut Reads, count: u64) -> Result<Vec<Named>, Stop> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    (0..count).map(|at| if at % CREATE_EACH == CREATE_EACH - 1 { reads.create() } else { Ok(reads.nth(at)) }).collect()
}

/// How long each kind of read takes by itself: the median of three, one after the other.
async fn alone(ctx: &Context, reads: &Reads) -> BTreeMap<String, Duration> {
    let mut times = BTreeMap::new();
    for named in &reads.reads {
        let mut of_kind = Vec::new();
        for _ in 0..3 {
            of_kind.push(named.clone().send_aside(ctx).await.answer.elapsed());
        }
        times.extend(percentile(&of_kind, 50).map(|median| (named.name.clone(), median)));
    }
    times
}

fn times_by_kind(round: &Round) -> BTreeMap<String, Vec<Duration>> {
    let mut times: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for got in round.answers.iter().filter(|got| !got.answer.is_limited()) {
        times.entry(got.name.clone()).or_default().push(got.answer.elapsed());
    }
    times
}

/// Whether one kind of request is slow for a reason of its own: its median is over the bound and many times what it takes
/// alone, while another kind of the same round, on the same machine, mostly took less than half of that.
fn stands_out(times: &BTreeMap<String, Vec<Duration>>, alone: &BTreeMap<String, Duration>, bound: Duration) -> bool {
    let enough = || times.iter().filter(|(_, times)| times.len() >= ENOUGH / 2);
    enough().any(|(kind, times)| {
        let (Some(median), Some(alone)) = (percentile(times, 50), alone.get(kind)) else { return false };
        let is_beside = |others: &[Duration]| percentile(others, 95).is_some_and(|p95| p95 * 2 < median);
        median > bound && median > *alone * MANY && enough().any(|(_, others)| is_beside(others))
    })
}

fn is_error(answer: &Answer) -> bool {
    !answer.is_success() && !answer.is_limited()
}

fn line_of(got: &Answered) -> String {
    format!("{}: {}", got.name, got.answer.status_line())
}

fn lines_of<'a>(answers: impl Iterator<Item = &'a Answered>) -> Vec<String> {
    let mut lines: Vec<String> = answers.map(line_of).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// A round in figures.
#[derive(Debug, Clone)]
struct Seen {
    /// Answers that no limiter gave.
    taken: usize,
    limited: usize,
    /// Errors that came within the bound: no slowness explains them.
    quick_errors: usize,
    slow_errors: usize,
    p95: Duration,
    /// Whether the harness itself was late.
    late: bool,
    /// The share of a processor that others left afterwards.
    share: f64,
    /// Whether one kind of request was slow beside another one of the same round.
    stands_out: bool,
}

impl Seen {
    fn of(round: &Round, bound: Duration) -> Self {
        let taken: Vec<&Answer> =
            round.answers.iter().map(|got| &got.answer).filter(|answer| !answer.is_limited()).collect();
        let errors = || taken.iter().filter(|answer| is_error(answer));
        let times: Vec<Duration> = taken.iter().map(|answer| answer.elapsed()).collect();
        Seen {
            taken: taken.len(),
            limited: round.answers.len() - taken.len(),
            quick_errors: errors().filter(|answer| answer.elapsed() <= bound).count(),
            slow_errors: errors().filter(|answer| answer.elapsed() > bound).count(),
            p95: percentile(&times, 95).unwrap_or_default(),
            late: percentile(&round.lags, 95).is_some_and(|lag| lag > LATE),
            share: 1.0,
            stands_out: false,
        }
    }

    fn errors(&self) -> usize {
        self.quick_errors + self.slow_errors
    }

    /// Whether it has errors that no machine explains.
    fn fails(&self) -> bool {
        self.quick_errors > 0 || (self.slow_errors > 0 && self.share >= FREE)
    }

    fn is_good(&self, bound: Duration) -> bool {
        self.taken >= ENOUGH && self.errors() == 0 && self.p95 <= bound
    }

    /// Whether it is slower than its machine explains.
    fn is_slow(&self, bound: Duration) -> bool {
        let allowed = if self.share >= FREE { bound } else { bound.div_f64(self.share) };
        self.share >= HALF && self.p95 > allowed
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    Borne,
    Errors,
    Slow,
    Limited,
    Starved,
}

/// What the rounds so far amount to; `None` asks for another, unless it is over.
fn rule(rounds: &[&Seen], bound: Duration, is_over: bool) -> Option<Ruling> {
    if rounds.iter().any(|seen| seen.is_good(bound)) {
        return Some(Ruling::Borne);
    }
    if rounds.iter().any(|seen| seen.taken < ENOUGH && seen.limited > 0) {
        return Some(Ruling::Limited);
    }
    // Whatever makes a harness late is the same for every kind of request.
    let counted = || rounds.iter().filter(|seen| !seen.late || seen.stands_out);
    if counted().filter(|seen| seen.fails()).count() >= BAD {
        return Some(Ruling::Errors);
    }
    if counted().filter(|seen| seen.fails() || seen.is_slow(bound) || seen.stands_out).count() >= BAD {
        return Some(Ruling::Slow);
    }
    is_over.then_some(Ruling::Starved)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(500);

    fn seen(p95: u64) -> Seen {
        Seen {
            taken: 100,
            limited: 0,
            quick_errors: 0,
            slow_errors: 0,
            p95: Duration::from_millis(p95),
            late: false,
            share: 1.0,
            stands_out: false,
        }
    }

    fn ruled(rounds: &[Seen]) -> Option<Ruling> {
        rule(&rounds.iter().collect::<Vec<_>>(), BOUND, false)
    }

    fn at_last(rounds: &[Seen]) -> Option<Ruling> {
        rule(&rounds.iter().collect::<Vec<_>>(), BOUND, true)
    }

    #[test]
    fn one_good_round_is_enough() {
        assert_eq!(ruled(&[seen(500)]), Some(Ruling::Borne));
        assert_eq!(ruled(&[seen(501), seen(900), seen(100)]), Some(Ruling::Borne));
    }

    #[test]
    fn three_bad_rounds_are_needed() {
        assert_eq!(ruled(&[seen(900), seen(900)]), None);
        assert_eq!(ruled(&[seen(900), seen(900), seen(900)]), Some(Ruling::Slow));
        let broken = Seen { quick_errors: 1, ..seen(10) };
        assert_eq!(ruled(&[broken.clone(), broken.clone()]), None);
        assert_eq!(ruled(&[broken.clone(), broken.clone(), broken.clone()]), Some(Ruling::Errors));
        assert_eq!(ruled(&[broken.clone(), seen(900), broken]), Some(Ruling::Slow));
    }

    #[test]
    fn a_busy_machine_excuses_some_slowness_and_no_quick_error() {
        let busy = |p95| Seen { share: 0.5, ..seen(p95) };
        assert_eq!(ruled(&[busy(900), busy(900), busy(900)]), None);
        assert_eq!(at_last(&[busy(900), busy(900), busy(900)]), Some(Ruling::Starved));
        assert_eq!(ruled(&[busy(1100), busy(900), busy(1100), busy(1100)]), Some(Ruling::Slow));
        let starved = Seen { share: 0.2, ..seen(9000) };
        assert_eq!(at_last(&[starved.clone(), starved.clone(), starved]), Some(Ruling::Starved));
        let timeouts = Seen { slow_errors: 3, ..busy(900) };
        assert_eq!(at_last(&[timeouts.clone(), timeouts.clone(), timeouts]), Some(Ruling::Starved));
        let refusals = Seen { quick_errors: 3, ..busy(900) };
        assert_eq!(ruled(&[refusals.clone(), refusals.clone(), refusals]), Some(Ruling::Errors));
    }

    fn kinds(list: u64, read: u64) -> BTreeMap<String, Vec<Duration>> {
        let times = |millis| vec![Duration::from_millis(millis); 45];
        [("GET /things".to_owned(), times(list)), ("GET /things/{id}".to_owned(), times(read))].into()
    }

    fn alone(list: u64, read: u64) -> BTreeMap<String, Duration> {
        kinds(list, read).into_iter().map(|(kind, times)| (kind, times[0])).collect()
    }

    #[test]
    fn a_kind_that_stands_out_has_a_reason_of_its_own() {
        // Readers that take turns, on a busy machine.
        assert!(stands_out(&kinds(400, 1200), &alone(60, 160), BOUND));
        // Everything is slow: that may be the machine.
        assert!(!stands_out(&kinds(900, 1200), &alone(60, 160), BOUND));
        // It is slow by itself there, and the load adds little.
        assert!(!stands_out(&kinds(1200, 100), &alone(600, 60), BOUND));
        assert!(!stands_out(&kinds(20, 450), &alone(10, 10), BOUND));
        let taken = Seen { share: 0.1, late: true, stands_out: true, ..seen(1200) };
        assert_eq!(ruled(&[taken.clone(), taken.clone(), taken]), Some(Ruling::Slow));
    }

    #[test]
    fn a_late_harness_decides_nothing() {
        let late = Seen { late: true, ..seen(900) };
        assert_eq!(ruled(&[late.clone(), late.clone(), seen(900), seen(900)]), None);
        assert_eq!(at_last(&[late.clone(), late, seen(900)]), Some(Ruling::Starved));
    }

    #[test]
    fn a_limiter_is_no_error() {
        let limited = Seen { taken: 60, limited: 40, ..seen(100) };
        assert_eq!(ruled(&[limited]), Some(Ruling::Borne));
        let closed = Seen { taken: 10, limited: 90, ..seen(100) };
        assert_eq!(ruled(&[closed]), Some(Ruling::Limited));
    }
}
