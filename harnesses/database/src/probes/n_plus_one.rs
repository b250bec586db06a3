//! `db.n-plus-one`: the API sends as many statements for a long list as for a short one.
//!
//! The server's own log says what it received for each request, told apart by shape: the same statement with other values
//! is the same. A shape that comes again for at least half of the further records is one statement per record. Records
//! fetched in batches, a count beside the page, and what frames a transaction or pings a connection are constant and right.
//! Where a list cannot be made longer, a statement that comes once for each of its records tells the same.
//! Planted defects: `db-n-plus-one` of three submissions, on PostgreSQL and on MariaDB.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Phase, Probe, Stop};

use crate::statements::Window;
use crate::store::Store;
use crate::traffic::{Growth, Seen};

pub(crate) struct NPlusOne(pub(crate) Arc<Store>);

/// Fewest records of a list in which repetition alone tells anything.
const FEWEST: usize = 5;

/// A statement that is sent again for every record.
#[derive(Debug, PartialEq, Eq)]
struct Repeated {
    shape: String,
    few: usize,
    many: usize,
}

#[async_trait]
impl Probe for NPlusOne {
    fn id(&self) -> &'static str {
        "db.n-plus-one"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let traffic = self.0.traffic(ctx).await?;
        let judged: Vec<&Growth> = traffic.growths.iter().filter(|growth| is_telling(growth)).collect();
        if judged.is_empty() {
            return Err(Stop::inconclusive("no list could be had with few and with many records"));
        }
        let (mut expected, mut actual, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
        let mut whats = Vec::new();
        for growth in &judged {
            let repeated = repeated(lengths(&growth.few), growth.many.as_ref().map(lengths));
            if repeated.is_empty() {
                continue;
            }
            whats.push(growth.what.clone());
            for one in &repeated {
                expected.push(format!("{}: as often for many records as for few", growth.what));
                actual.push(match &growth.many {
                    Some(many) => format!(
                        "{}: {} for {} records, {} for {}: {}",
                        growth.what,
                        times(one.few),
                        growth.few.records,
                        times(one.many),
                        many.records,
                        one.shape
                    ),
                    None => format!("{}: once for each of its records: {}", growth.what, one.shape),
                });
            }
            evidence.extend(shown(ctx, growth, &repeated));
        }
        if whats.is_empty() {
            let lines: Vec<String> = judged.iter().map(|growth| constant(growth)).collect();
            return Ok(Finding::pass(self.id(), "The number of statements does not grow with the number of records")
                .expected("as many statements for many records as for few")
                .actual(lines.join("\n"))
                .evidences(judged.iter().take(2).map(|growth| {
                    let seen = growth.many.as_ref().unwrap_or(&growth.few);
                    ctx.recorder().evidence(&seen.answer)
                })));
        }
        Ok(Finding::fail(self.id(), format!("One statement more for every record: {}", whats.join(", ")))
            .expected(expected.join("\n"))
            .actual(actual.join("\n"))
            .evidences(evidence))
    }
}

/// Whether the list tells growth, by two lengths or by repetition.
fn is_telling(growth: &Growth) -> bool {
    growth.many.is_some() || growth.few.records >= FEWEST
}

fn lengths(seen: &Seen) -> (usize, &[Window]) {
    (seen.records, &seen.times)
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// How often each shape came, at least or at most over the times that the request was sent.
fn counts(times: &[Window], of: fn(usize, usize) -> usize) -> BTreeMap<String, usize> {
    let count = |window: &Window| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for statement in window.iter().filter(|statement| statement.is_work()) {
            *counts.entry(statement.shape()).or_default() += 1;
        }
        counts
    };
    let each: Vec<BTreeMap<String, usize>> = times.iter().map(count).collect();
    let mut counts = BTreeMap::new();
    for shape in each.iter().flat_map(BTreeMap::keys) {
        let number = each.iter().map(|counts| counts.get(shape).copied().unwrap_or(0)).reduce(of).unwrap_or(0);
        counts.insert(shape.clone(), number);
    }
    counts
}

/// The statements that come again for the records of a list: its records and windows, short and, where it is to be had,
/// long.
fn repeated((records, few): (usize, &[Window]), many: Option<(usize, &[Window])>) -> Vec<Repeated> {
    let Some((longer, many)) = many else {
        let each = counts(few, usize::min).into_iter().filter(|(_, count)| *count + 1 >= records);
        return each.map(|(shape, count)| Repeated { shape, few: count, many: count }).collect();
    };
    // What happens to run in the background makes neither the short list cheaper nor the long one dearer.
    let few = counts(few, usize::max);
    let enough = longer.saturating_sub(records).div_ceil(2).max(2);
    let many = counts(many, usize::min).into_iter();
    let grown = many.map(|(shape, many)| Repeated { few: few.get(&shape).copied().unwrap_or(0), many, shape });
    grown.filter(|one| one.many >= one.few + enough).collect()
}

fn constant(growth: &Growth) -> String {
    let total = |seen: &Seen| counts(&seen.times, usize::min).values().sum::<usize>();
    match &growth.many {
        Some(many) => format!(
            "{}: {} statements for {} records, {} for {}",
            growth.what,
            total(&growth.few),
            growth.few.records,
            total(many),
            many.records
        ),
        None => format!("{}: no statement comes once for each record", growth.what),
    }
}

fn shown(ctx: &Context, growth: &Growth, repeated: &[Repeated]) -> Vec<Evidence> {
    let seen = growth.many.as_ref().unwrap_or(&growth.few);
    let rows = repeated.iter().map(|one| vec![one.shape.clone(), one.few.to_string(), one.many.to_string()]).collect();
    let columns = vec![
        "statement".to_owned(),
        format!("for {} records", growth.few.records),
        format!("for {} records", seen.records),
    ];
    let query = "-- what the server received, by its own log of statements".to_owned();
    vec![ctx.recorder().evidence(&seen.answer), Evidence::Sql { query, columns, rows, truncated: false }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::Statement;

    fn window(statements: &[(&str, usize)]) -> Window {
        let each = |(text, count): &(&str, usize)| {
            (0..*count)
                .map(|at| Statement { text: text.replace('#', &at.to_string()), ..Statement::default() })
                .collect()
        };
        statements.iter().flat_map(|one| -> Vec<Statement> { each(one) }).collect()
    }

    const PAGE: (&str, usize) = ("SELECT * FROM things LIMIT 12", 1);
    const TOTAL: (&str, usize) = ("SELECT count(*) FROM things", 1);

    #[test]
    fn one_statement_for_each_record_is_found_whatever_its_values() {
        let few = [window(&[PAGE, ("SELECT * FROM makers WHERE id = #", 3)])];
        let many = [window(&[PAGE, ("SELECT * FROM makers WHERE id = #", 12)])];
        let found = repeated((3, &few), Some((12, &many)));
        assert_eq!(found, [Repeated { shape: "SELECT * FROM makers WHERE id = ?".into(), few: 3, many: 12 }]);
    }

    #[test]
    fn batches_frames_and_pings_are_right() {
        let frame = [("BEGIN", 5), ("SELECT 1", 12), ("COMMIT", 12), ("SET x = 1", 12), ("SELECT version()", 12)];
        let few = [window(&[PAGE, TOTAL, ("SELECT * FROM makers WHERE id IN ($1, $2, $3)", 1)])];
        let mut all = window(&frame);
        all.extend(window(&[PAGE, TOTAL, ("SELECT * FROM makers WHERE id IN (1,2,3,4,5,6,7,8)", 1)]));
        assert!(repeated((3, &few), Some((12, &[all]))).is_empty());
    }

    #[test]
    fn what_runs_in_the_background_once_is_no_growth() {
        let job = ("SELECT * FROM jobs WHERE id = #", 9);
        let few = [window(&[PAGE]), window(&[PAGE])];
        let many = [window(&[PAGE, job]), window(&[PAGE])];
        assert!(repeated((3, &few), Some((12, &many))).is_empty());
    }

    #[test]
    fn a_list_of_one_length_tells_by_repetition() {
        let lazy = [window(&[PAGE, ("SELECT * FROM makers WHERE id = #", 20)])];
        assert_eq!(repeated((20, &lazy), None).len(), 1);
        assert!(repeated((20, &[window(&[PAGE, TOTAL])]), None).is_empty());
    }
}
