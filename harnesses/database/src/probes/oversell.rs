//! `db.oversell`: simultaneous transactions for the last pieces take no more than there are.
//!
//! Twenty buyers send a transaction over one piece each so that their last bytes leave together, for a stock of one and of
//! five, again and again until more was taken than there was or the rounds are over. Decided by what the API answers, by
//! the stock that it shows afterwards and, where the database can be read, by the rows that say what was taken: all three
//! have to agree. How the losers are refused is theirs to choose.
//! Planted defects: `db-oversell` of both submissions.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::volley::volley;
use harness_kit::{Answer, Context, Flow, Phase, Placing, Probe, Record, Request, Session, Step, Stop};

use crate::rows;
use crate::schema::{Column, TableName};
use crate::store::{Found, Store, is_key};
use crate::traces::{self, Traces};

pub(crate) struct Oversell(pub(crate) Arc<Store>);

const BUYERS: usize = 20;
/// The stock of each round.
const ROUNDS: [u32; 4] = [1, 5, 1, 5];

/// What one round came to.
struct Round {
    stock: u32,
    /// Pieces that each transaction takes.
    each: u32,
    taken: Vec<Answer>,
    /// Different transactions among those.
    made: usize,
    refused: Vec<Answer>,
    /// Answers that leave open whether it was taken.
    broken: usize,
    after: Answer,
    left: Option<f64>,
    /// Rows that say what was taken, with the statement that counts them.
    rows: Option<(usize, Evidence)>,
}

#[async_trait]
impl Probe for Oversell {
    fn id(&self) -> &'static str {
        "db.oversell"
    }

    fn phase(&self) -> Phase {
        Phase::Load
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let placing = Placing::find(ctx)?;
        let mut values = ctx.values(self.id());
        let mut sessions = vec![ctx.writer(&placing.transaction)?];
        if let Ok(other) = ctx.other_account().await {
            sessions.push(Some(other.session));
        }
        let control = placing.stocked(ctx, &mut values, 2).await?;
        let sound = placing.send(ctx, placing.body(&[(&control, 1)])?).await?;
        if !sound.is_success() {
            let why = format!("a sound {} is answered {}", placing.transaction.id, sound.status_line());
            return Err(Stop::blocked("api.operations", why));
        }
        let after = placing.read_record(ctx, &control).await?;
        if placing.stock(&after) != Some(1.0) {
            // Where one transaction does not move the stock, many at once say nothing about it.
            return Err(Stop::blocked(
                "api.order.stock",
                "a single transaction does not lower the stock by what it takes",
            ));
        }
        // Overselling shows in the answers as well, where the database cannot be read.
        let ledger = self.0.traces(ctx).await.ok().and_then(|(found, traces)| Ledger::of(found, traces));
        let mut last = None;
        let mut any_taken = false;
        for stock in ROUNDS {
            let round = round(ctx, &placing, &sessions, ledger.as_ref(), stock, &mut values).await?;
            if let Some(wrong) = round.wrong() {
                return Ok(round.failed(self.id(), ctx, &placing, wrong));
            }
            any_taken |= !round.taken.is_empty();
            last = Some(round);
        }
        let Some(last) = last.filter(|_| any_taken) else {
            return Err(Stop::inconclusive("of the simultaneous transactions none was taken, so that none raced"));
        };
        let id = &placing.transaction.id;
        let of = if ledger.is_some() {
            "the answers, the stock and the rows agree"
        } else {
            "the answers and the stock agree"
        };
        Ok(Finding::pass(self.id(), format!("{BUYERS} simultaneous {id}s take no more than there is"))
            .expected("no more pieces taken than there were, from a stock of 1 and of 5")
            .actual(format!("never more in {} rounds; {of}", ROUNDS.len()))
            .evidence(ctx.recorder().evidence(&last.after))
            .evidences(last.rows.map(|(_, evidence)| evidence)))
    }
}

/// Where the rows stand that say what was taken.
struct Ledger<'a> {
    found: &'a Found,
    /// The table of the records.
    records: TableName,
    /// The table of the lines, and its column that holds a record's key.
    lines: TableName,
    column: Column,
}

impl<'a> Ledger<'a> {
    /// From a line that was followed to its record; `None` where lines have no rows of their own.
    fn of(found: &'a Found, traces: &Traces) -> Option<Self> {
        let line = traces.line.as_ref()?;
        let key = traces.main.key(found)?;
        let table = found.schema.tables.get(&line.table)?;
        let declared = table.foreign_keys.iter();
        let declared =
            declared.filter(|known| known.refers_to == traces.main.table).find_map(|known| known.columns.first());
        // Small numbers coincide, so that a value alone says nothing.
        let is_telling = key.len() >= 6 || !key.chars().all(|c| c.is_ascii_digit());
        let by_value = || line.row.iter().find(|(_, value)| is_key(value, &key));
        let column = declared.or_else(|| by_value().map(|(column, _)| column).filter(|_| is_telling))?;
        let records = traces.main.table.clone();
        Some(Ledger { found, records, lines: line.table.clone(), column: table.column(column)?.clone() })
    }

    /// How many rows say that the record was taken.
    async fn taken(&self, ctx: &Context, record: &Record) -> Result<Option<(usize, Evidence)>, Stop> {
        self.found.refresh(ctx).await?;
        let Some(row) = traces::keyed(self.found, &self.records, &record.key).await else { return Ok(None) };
        let Some(key) = row.key(self.found) else { return Ok(None) };
        let sql = rows::counting(self.found, &self.lines, &self.column, &key);
        let rows = self.found.query(&sql).await?;
        let number = rows.rows.first().and_then(|row| rows.cell(row, "number").parse().ok());
        Ok(number.map(|number| (number, rows.evidence(&ctx.recorder().named(&sql)))))
    }
}

async fn round(
    ctx: &Context,
    placing: &Placing,
    sessions: &[Option<Session>],
    ledger: Option<&Ledger<'_>>,
    stock: u32,
    values: &mut harness_kit::Values,
) -> Result<Round, Stop> {
    let record = placing.stocked(ctx, values, stock).await?;
    let (each, requests) = buyers(ctx, placing, sessions, &record, stock).await?;
    let answers = volley(ctx, requests).await;
    let broken = answers.iter().filter(|answer| answer.is_breakdown()).count();
    let (taken, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(Answer::is_success);
    // One transaction that is answered twice was made once; where an answer shows no key, each was made.
    let mut keys: Vec<Option<String>> = taken.iter().map(|answer| placing.key(answer)).collect();
    keys.sort_unstable();
    keys.dedup_by(|one, other| one.is_some() && one == other);
    let after = placing.read_record(ctx, &record).await?;
    let left = placing.stock(&after);
    let rows = match ledger {
        Some(ledger) => ledger.taken(ctx, &record).await?,
        None => None,
    };
    Ok(Round { stock, each, made: keys.len(), taken, refused, broken, after, left, rows })
}

/// The last request of every buyer, and how many pieces each takes. Where lines are gathered beforehand an account has one
/// collection: there each account wants the whole stock, and sends its last step several times.
async fn buyers(
    ctx: &Context,
    placing: &Placing,
    sessions: &[Option<Session>],
    record: &Record,
    stock: u32,
) -> Result<(u32, Vec<Request>), Stop> {
    let transaction = &placing.transaction;
    let gathers = transaction.lines.as_ref().is_some_and(|bound| matches!(bound.flow, Flow::Gathered(_)));
    let (each, prepared) = if gathers { (stock, sessions.len().min(BUYERS)) } else { (1, BUYERS) };
    let mut requests = Vec::new();
    for buyer in 0..prepared {
        let session = sessions[buyer % sessions.len()].as_ref();
        match transaction.prepare(ctx, placing.body(&[(record, each)])?, session).await? {
            Step::Last { request, .. } => requests.push(*request),
            // Whoever is refused a step earlier buys nothing.
            Step::Refused(_) => {}
        }
    }
    if requests.is_empty() {
        return Err(Stop::inconclusive(format!("no {} could be prepared for a race", transaction.id)));
    }
    let again: Vec<Request> = requests.iter().cycle().take(BUYERS).cloned().collect();
    Ok((each, if gathers { again } else { requests }))
}

impl Round {
    /// What is wrong, in words without the numbers that chance decides.
    fn wrong(&self) -> Option<&'static str> {
        let (stock, each) = (self.stock as usize, self.each as usize);
        if self.made * each > stock {
            return Some("more were taken than there were");
        }
        if self.left.is_some_and(|left| left < 0.0) {
            return Some("the stock fell below zero");
        }
        if let Some((rows, _)) = &self.rows {
            if *rows * each > stock {
                return Some("more rows say that a piece was taken than there were pieces");
            }
            if *rows < self.made {
                return Some("a success was answered for which there is no row");
            }
            if *rows > self.made + self.broken {
                return Some("a refusal was answered for which there is a row");
            }
        }
        let sold = f64::from(self.stock) - self.left?;
        #[expect(clippy::cast_precision_loss, reason = "at most as many as there are buyers")]
        let (least, most) = ((self.made * each) as f64, ((self.made + self.broken) * each) as f64);
        (sold < least || sold > most).then_some("the stock fell by something else than was taken")
    }

    fn failed(self, id: &str, ctx: &Context, placing: &Placing, wrong: &str) -> Finding {
        let recorder = ctx.recorder();
        let transaction = &placing.transaction.id;
        Finding::fail(id, format!("Simultaneous {transaction}s for the last pieces: {wrong}"))
            .expected(format!("at most {} taken from a stock of {} by {BUYERS} at once", self.stock, self.stock))
            .actual(wrong)
            .evidences(self.taken.iter().take(2).map(|answer| recorder.evidence(answer)))
            .evidences(self.refused.first().map(|answer| recorder.evidence(answer)))
            .evidence(recorder.evidence(&self.after))
            .evidences(self.rows.map(|(_, evidence)| evidence))
    }
}
