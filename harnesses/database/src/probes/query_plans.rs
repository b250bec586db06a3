//! `db.query-plans`: with many rows, no query that the API really sends goes through a whole table where an index would
//! serve.
//!
//! The queries are those that the server received for lists, look-ups, an account's own transactions and a sign-in, with
//! the values that were sent; the plans are the server's own over thousands of made rows ([`crate::plans`]). What fails is
//! a whole table gone through for few of its rows, by a condition or a join that no index answers. Right is going through
//! all of it for all of it: an unfiltered page by key, a count. A page by a column without an index sorts everything for
//! its first rows: partial, since the count beside it reads as much. Searching in text for what may stand anywhere is not
//! held against anybody: the brief asks for a search and no more.
//! Planted defects: `db-query-plans` of the submissions.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Phase, Probe, Stop};

use crate::plans::{self, Cause, Planned, Scan};
use crate::statements::Statement;
use crate::store::{Found, Store};

pub(crate) struct QueryPlans(pub(crate) Arc<Store>);

/// Statements that evidence shows.
const SHOWN: usize = 4;

#[async_trait]
impl Probe for QueryPlans {
    fn id(&self) -> &'static str {
        "db.query-plans"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let traffic = self.0.traffic(ctx).await?;
        let found = self.0.found(ctx).await?;
        let given = traffic.statements();
        let statements: Vec<&Statement> = given.iter().map(|(_, statement)| *statement).collect();
        let plans = plans::plan(ctx, found, &statements)
            .await
            .map_err(|error| Stop::inconclusive(format!("the server planned nothing: {error}")))?;
        if plans.planned.is_empty() || plans.tables.is_empty() {
            return Err(Stop::inconclusive("none of the API's queries could be planned over many rows"));
        }
        let mut wasteful: Vec<&Planned> = plans.planned.iter().filter(|planned| !planned.scans.is_empty()).collect();
        // Statements that are sent side by side arrive in either order.
        wasteful.sort_by_key(|planned| (given[planned.at].0, statements[planned.at].shape()));
        let expected = "an index where a query is for a few rows";
        if wasteful.is_empty() {
            let text = format!("No query goes through a whole table of {} rows for a few of them", plans::ROWS);
            let mut lines: Vec<String> = plans.planned.iter().map(|planned| statements[planned.at].shape()).collect();
            lines.sort_unstable();
            return Ok(Finding::pass(self.id(), text)
                .expected(expected)
                .actual(format!("{} queries planned, each of them served", plans.planned.len()))
                .evidence(Evidence::note(lines.join("\n"))));
        }
        let scans: Vec<&Scan> = wasteful.iter().flat_map(|planned| &planned.scans).collect();
        if let Some(by) = reported(ctx, found, &scans) {
            return Err(Stop::blocked(by, "the queries that go through a whole table are for columns of that finding"));
        }
        let mut lines: Vec<String> = Vec::new();
        for planned in &wasteful {
            for scan in &planned.scans {
                let line = format!("{}: {}", given[planned.at].0, told(scan));
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        let evidence = wasteful.iter().take(SHOWN).map(|planned| Evidence::Sql {
            query: ctx.recorder().named(&format!("{} {}", plans::asked(found.dialect()), statements[planned.at].text)),
            columns: vec!["QUERY PLAN".to_owned()],
            rows: planned.plan.iter().map(|line| vec![ctx.recorder().named(line)]).collect(),
            truncated: false,
        });
        let note = Evidence::note(format!("planned by the server over {} made rows in each table", plans::ROWS));
        let finding = if scans.iter().all(|scan| scan.cause == Cause::Sort) {
            Finding::partial(self.id(), 0.5, "A page of a list sorts the whole table for its first rows")
        } else {
            Finding::fail(self.id(), "Queries for a few rows go through a whole table")
        };
        Ok(finding.expected(expected).actual(lines.join("\n")).evidences(evidence).evidence(note))
    }
}

fn told(scan: &Scan) -> String {
    let columns = scan.columns.join(", ");
    let table = &scan.table;
    match scan.cause {
        Cause::Filter => format!("reads all of {table} for {columns}"),
        Cause::Join => format!("reads all of {table} to join it by {columns}"),
        Cause::Sort => format!("sorts all of {table} by {columns}"),
    }
}

/// The finding that says the same already, where one says it of every scan: a foreign key without an index, a table
/// without a primary key, a field that may not repeat and may.
fn reported(ctx: &Context, found: &Found, scans: &[&Scan]) -> Option<&'static str> {
    let is_negative = |probe: &str| ctx.verdict(probe).is_some_and(grader_model::Verdict::is_negative);
    let said = |probe: &'static str, says: &dyn Fn(&Scan) -> bool| {
        (is_negative(probe) && scans.iter().all(|scan| says(scan))).then_some(probe)
    };
    let table = |scan: &Scan| found.schema.tables.get(&scan.table);
    let bare = |scan: &Scan| {
        table(scan).is_some_and(|table| {
            let mut keys = table.foreign_keys.iter().filter(|key| !table.leads(&key.columns));
            keys.any(|key| key.columns.iter().any(|column| scan.columns.contains(column)))
        })
    };
    let keyless = |scan: &Scan| table(scan).is_some_and(|table| table.primary_key.is_empty());
    let unindexed = |scan: &Scan| {
        table(scan).is_some_and(|table| !scan.columns.iter().any(|column| table.leads(std::slice::from_ref(column))))
    };
    said("db.foreign-key-indexes", &bare)
        .or_else(|| said("db.primary-keys", &keyless))
        .or_else(|| said("db.foreign-keys", &unindexed))
        .or_else(|| said("db.unique", &unindexed))
}
