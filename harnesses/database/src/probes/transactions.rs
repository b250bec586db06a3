//! `db.transactions`: a transaction that fails half-way leaves nothing behind, in no table and not in the stock.
//!
//! First a sound one, with several lines: the tables that it adds rows to are its own. Then three whose other lines are
//! sound and one of whose lines asks for more than there is (the record with the greatest key, the one with the least, so
//! that whoever takes the lines in whatever order has taken a sound one before) or refers to nothing. All rows are counted
//! before and after, and the stock is read. A table that also grows by a request which is refused before any work keeps a
//! record of requests and is none of the transaction's; a row that says of itself that it failed is no leftover either.
//! Where lines are gathered before the transaction is made of them, the stock of one goes in between.
//! Planted defects: `db-transactions` of both submissions.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use grader_spec::FieldKind;
use harness_kit::placing::unknown_reference;
use harness_kit::{Answer, Context, Flow, Phase, Placing, Probe, Record, Step, Stop, Values, wire};
use serde_json::{Map, Value, json};

use crate::engine::Dialect;
use crate::rows::{self, Counts};
use crate::schema::TableName;
use crate::store::{Found, Store};

pub(crate) struct Transactions(pub(crate) Arc<Store>);

const STOCK: u32 = 30;
/// Rows that evidence shows of a table.
const SHOWN: usize = 5;

/// What a transaction that cannot be filled came to.
struct Outcome {
    what: String,
    answer: Answer,
    /// What it left, in words that are the same in every run.
    left: Vec<String>,
    evidence: Vec<Evidence>,
}

/// A transaction that cannot be filled: places of its records among those of the scene.
struct Case {
    what: String,
    sound: Vec<usize>,
    /// The record that there is not enough of; `None` for one that does not exist.
    bad: Option<usize>,
}

/// The stock of each record, with the answer that shows it.
type Stocks = Vec<(Option<f64>, Answer)>;

/// Everything that the cases share.
struct Scene<'a> {
    ctx: &'a Context,
    found: &'a Found,
    placing: Placing,
    /// Sorted by key.
    records: Vec<Record>,
    /// Tables that a sound transaction adds rows to.
    own: Vec<TableName>,
}

#[async_trait]
impl Probe for Transactions {
    fn id(&self) -> &'static str {
        "db.transactions"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let found = self.0.found(ctx).await?;
        let placing = Placing::find(ctx)?;
        let mut values = ctx.values(self.id());
        let mut control = Vec::new();
        for _ in 0..if placing.takes_several() { 3 } else { 1 } {
            control.push(placing.stocked(ctx, &mut values, STOCK).await?);
        }
        let records = records(ctx, &placing, &mut values).await?;
        let mut scene = Scene { ctx, found, placing, records, own: Vec::new() };
        if matches!(scene.flow(), Some(Flow::Filled(_))) {
            return Err(Stop::not_applicable(
                "a transaction is begun empty and filled line by line: each is one of its own",
            ));
        }
        let control = scene.control(&control).await?;
        let mut outcomes = Vec::new();
        for case in scene.cases() {
            outcomes.push(scene.case(case).await?);
        }
        let id = &scene.placing.transaction.id;
        let expected = format!("no row and no change of stock after each {id} that is refused");
        let bad: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.left.is_empty()).collect();
        if bad.is_empty() {
            let lines: Vec<String> =
                outcomes.iter().map(|outcome| format!("{}: {}", outcome.what, outcome.answer.status_line())).collect();
            return Ok(Finding::pass(self.id(), format!("The {id} that fails half-way leaves nothing behind"))
                .expected(expected)
                .actual(lines.join("\n"))
                .evidence(ctx.recorder().evidence(&control))
                .evidences(outcomes.iter().take(1).map(|outcome| ctx.recorder().evidence(&outcome.answer))));
        }
        let lines: Vec<String> = bad
            .iter()
            .map(|outcome| format!("{}: {}, {}", outcome.what, outcome.answer.status_line(), outcome.left.join(", ")))
            .collect();
        let mut finding = Finding::fail(self.id(), format!("The {id} that fails half-way leaves something behind"))
            .expected(expected)
            .actual(lines.join("\n"));
        for outcome in bad.iter().take(2) {
            finding = finding.evidence(ctx.recorder().evidence(&outcome.answer)).evidences(outcome.evidence.clone());
        }
        Ok(finding)
    }
}

/// Three records sorted by key. Keys may be random, and which record is which with them: as far as it shows in evidence,
/// they cost the same and their texts have names.
async fn records(ctx: &Context, placing: &Placing, values: &mut Values) -> Result<Vec<Record>, Stop> {
    let mut records: Vec<Record> = Vec::new();
    for _ in 0..3 {
        let fields = records.iter().take(1).flat_map(|first| {
            let fields = placing.of.spec.fields.iter().filter(|(_, field)| field.kind == FieldKind::Money);
            fields.filter_map(|(id, _)| Some((id.as_str(), first.sent.get(id)?.clone())))
        });
        let mut overrides: Vec<(&str, Value)> = fields.collect();
        overrides.push((placing.lines.stock.as_str(), json!(STOCK)));
        let record = placing.of.create(ctx, values, &overrides).await?;
        records.push(record);
    }
    records.sort_by_key(|record| (record.key.parse::<u64>().unwrap_or(u64::MAX), record.key.clone()));
    let of_its_own = |field: &str, value: &Value| {
        let kind = placing.of.spec.fields.get(field).map(|field| field.kind);
        matches!(kind, Some(FieldKind::Text | FieldKind::Name | FieldKind::Gtin13))
            && records.iter().filter(|record| record.sent.get(field) == Some(value)).count() == 1
    };
    for (record, place) in records.iter().zip(["first", "second", "third"]) {
        for (field, value) in record.sent.iter().filter(|(field, value)| of_its_own(field, value)) {
            let value = value.as_str().unwrap_or_default();
            ctx.recorder().name(value, &format!("<{field} of the {place}>"));
        }
    }
    Ok(records)
}

impl Scene<'_> {
    /// A sound transaction, which shows the tables that are its own. Its records are none of the scene's, so that evidence
    /// has them in the order in which they were made.
    async fn control(&mut self, records: &[Record]) -> Result<Answer, Stop> {
        let lines: Vec<(&Record, u32)> = records.iter().map(|record| (record, 1)).collect();
        let before = rows::count(self.ctx, self.found).await?;
        let answer = self.placing.send(self.ctx, self.placing.body(&lines)?).await?;
        if !answer.is_success() {
            let why = format!("a sound {} is answered {}", self.placing.transaction.id, answer.status_line());
            return Err(Stop::blocked("api.operations", why));
        }
        let own = rows::added(&before, &rows::count(self.ctx, self.found).await?);
        // Refused for its form, before anything is looked up: what grows by this keeps a record of requests.
        let before = rows::count(self.ctx, self.found).await?;
        let nothing = self.placing.body(&[(&self.records[0], 0)])?;
        let refused = self.placing.send(self.ctx, nothing).await?;
        let of_requests = match refused.is_client_error() {
            true => rows::added(&before, &rows::count(self.ctx, self.found).await?),
            false => BTreeMap::new(),
        };
        self.own = own.into_keys().filter(|table| !of_requests.contains_key(table)).collect();
        if self.own.is_empty() {
            return Err(Stop::inconclusive("no table grew by a transaction that was taken"));
        }
        Ok(answer)
    }

    /// Transactions that cannot be filled.
    fn cases(&self) -> Vec<Case> {
        let of = &self.placing.of.id;
        if !self.placing.takes_several() {
            return vec![
                Case { what: format!("more than the stock of a {of}"), sound: Vec::new(), bad: Some(0) },
                Case { what: format!("an unknown {of}"), sound: Vec::new(), bad: None },
            ];
        }
        let mut cases = vec![
            Case { what: format!("more than the stock of the last {of}"), sound: vec![0, 1], bad: Some(2) },
            Case { what: format!("more than the stock of the first {of}"), sound: vec![2, 1], bad: Some(0) },
        ];
        if !self.gathers() {
            // What is unknown cannot be gathered.
            cases.push(Case { what: format!("an unknown {of} last"), sound: vec![0, 1], bad: None });
        }
        cases
    }

    fn gathers(&self) -> bool {
        self.flow().is_some_and(|flow| matches!(flow, Flow::Gathered(_)))
    }

    fn flow(&self) -> Option<&Flow> {
        self.placing.transaction.lines.as_ref().map(|bound| &bound.flow)
    }

    /// Sends a transaction that cannot be filled. Where lines are gathered beforehand, all of them are sound when they are,
    /// and the stock of one is gone by the time the transaction is made of them.
    async fn send(&self, case: &Case) -> Result<(Stocks, Counts, Answer), Stop> {
        let session = self.ctx.writer(&self.placing.transaction)?;
        let mut lines: Vec<(Value, Value)> = case
            .sound
            .iter()
            .zip([2, 1])
            .map(|(at, quantity)| (self.placing.reference(&self.records[*at]), json!(quantity)))
            .collect();
        let Some(bad) = case.bad.map(|at| &self.records[at]) else {
            let unknown = unknown_reference(&self.placing.reference(&self.records[2]));
            lines.push((unknown, json!(1)));
            let (stocks, rows) = (self.stocks().await?, rows::count(self.ctx, self.found).await?);
            let body = self.placing.transaction.transaction_body(&lines)?;
            return Ok((stocks, rows, self.placing.send(self.ctx, body).await?));
        };
        lines.push((self.placing.reference(bad), json!(if self.gathers() { 3 } else { STOCK + 1 })));
        let body = self.placing.transaction.transaction_body(&lines)?;
        if !self.gathers() {
            let (stocks, rows) = (self.stocks().await?, rows::count(self.ctx, self.found).await?);
            return Ok((stocks, rows, self.placing.send(self.ctx, body).await?));
        }
        let step = self.placing.transaction.prepare(self.ctx, body, session.as_ref()).await?;
        self.restock(bad, 1).await?;
        let (stocks, rows) = (self.stocks().await?, rows::count(self.ctx, self.found).await?);
        let answer = match step {
            Step::Last { request, .. } => request.send(self.ctx).await,
            Step::Refused(answer) => answer,
        };
        Ok((stocks, rows, answer))
    }

    /// Sets the stock of a record, through the API.
    async fn restock(&self, record: &Record, stock: u32) -> Result<(), Stop> {
        let of = &self.placing.of;
        let change = Map::from_iter([(self.placing.lines.stock.clone(), json!(stock))]);
        let session = self.ctx.writer(of)?;
        let answer = of.update_request(&record.key, &change, &record.sent, session.as_ref())?.send(self.ctx).await;
        if answer.is_success() {
            return Ok(());
        }
        Err(Stop::blocked(
            "api.roundtrip",
            format!("changing the stock of a record is answered {}", answer.status_line()),
        ))
    }

    async fn case(&self, case: Case) -> Result<Outcome, Stop> {
        let (stocks, rows, answer) = self.send(&case).await?;
        let (after, now) = (self.stocks().await?, rows::count(self.ctx, self.found).await?);
        let (mut left, mut evidence) = (Vec::new(), Vec::new());
        if answer.is_success() {
            left.push("taken all the same".to_owned());
        }
        for (table, added) in rows::added(&rows, &now) {
            if !self.own.contains(&table) {
                continue;
            }
            let (failed, shown) = self.newest(&table, added).await?;
            if failed {
                continue;
            }
            left.push(format!("{added} more in {table}"));
            evidence.push(shown);
        }
        for (at, (before, after)) in stocks.iter().zip(&after).enumerate() {
            if before.0 != after.0 {
                let number = |stock: Option<f64>| stock.map_or_else(|| "none".to_owned(), |stock| stock.to_string());
                let record = ["first", "second", "third"].get(at).copied().unwrap_or("last");
                left.push(format!("stock of the {record} by key {} instead of {}", number(after.0), number(before.0)));
                evidence.push(self.ctx.recorder().evidence(&after.1));
            }
        }
        if let Some(bad) = case.bad.filter(|_| self.gathers()) {
            self.restock(&self.records[bad], STOCK).await?;
        }
        Ok(Outcome { what: case.what, answer, left, evidence })
    }

    async fn stocks(&self) -> Result<Stocks, Stop> {
        let mut stocks = Vec::new();
        for record in &self.records {
            let answer = self.placing.read_record(self.ctx, record).await?;
            stocks.push((self.placing.stock(&answer), answer));
        }
        Ok(stocks)
    }

    /// Whether every row that was added to a table says of itself that it failed, and the rows as evidence. PostgreSQL knows
    /// which were written last; elsewhere the number of rows has to do.
    async fn newest(&self, table: &TableName, added: i64) -> Result<(bool, Evidence), Stop> {
        let dialect = self.found.dialect();
        let quoted = dialect.table(table);
        if dialect != Dialect::Postgres {
            let sql = format!("SELECT count(*) AS number FROM {quoted}");
            return Ok((false, self.found.query(&sql).await?.evidence(&sql)));
        }
        let sql = format!(
            "SELECT row_to_json(t)::text AS row FROM {quoted} t ORDER BY t.xmin::text::bigint DESC, t.ctid DESC LIMIT {}",
            added.clamp(1, 50)
        );
        let rows = self.found.query(&sql).await?;
        let parsed: Vec<Map<String, Value>> =
            rows.rows.iter().filter_map(|row| serde_json::from_str(rows.cell(row, "row")).ok()).collect();
        let failed = !parsed.is_empty() && parsed.iter().all(says_failed);
        let named = rows.rows.iter().take(SHOWN).map(|row| vec![self.ctx.recorder().named(rows.cell(row, "row"))]);
        let evidence = Evidence::Sql {
            query: format!("SELECT * FROM {table} -- the rows added by it"),
            columns: vec!["row".to_owned()],
            rows: named.collect(),
            truncated: rows.rows.len() > SHOWN,
        };
        Ok((failed, evidence))
    }
}

/// Whether a row is a record of a failure: a column with a word for it.
fn says_failed(row: &Map<String, Value>) -> bool {
    const WORDS: &[&str] = &["fail", "cancel", "reject", "abort", "void", "declin", "error", "refus", "rolled"];
    row.iter().any(|(column, value)| {
        let column = wire::plain(column);
        let is_state = ["status", "state", "result", "outcome"].iter().any(|name| column.contains(name));
        let text = wire::text(value).unwrap_or_default().to_lowercase();
        is_state && WORDS.iter().any(|word| text.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_failure_says_so() {
        let row = |text: &str| serde_json::from_str::<Map<String, Value>>(text).expect("a row");
        assert!(says_failed(&row(r#"{"id": 1, "order_status": "CANCELLED"}"#)));
        assert!(says_failed(&row(r#"{"state": "payment_failed"}"#)));
        assert!(!says_failed(&row(r#"{"status": "pending", "note": "failed"}"#)));
        assert!(!says_failed(&row(r#"{"id": 1}"#)));
    }
}
