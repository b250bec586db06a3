//! `db.migrations.safe`: no migration locks a table in use or takes away in place what a running version still reads.
//!
//! Reads every step of the migrations in their order and holds those on tables of earlier migrations against the rules on
//! which the known linters agree (squawk, strong_migrations). The migration that makes a table may do with it what it
//! likes. Blocked where there are no migrations at all. Planted defects: `db-migrations-safe` of both bookstores.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Tree, counted};
use crate::migrations::{self, Change, Hazard};
use crate::tree;

pub(super) const ID: &str = "db.migrations.safe";

/// Steps that the finding names.
const SHOWN: usize = 10;

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let facts = migrations::read(tree.snapshot);
    if facts.files.is_empty() {
        return Finding::blocked(ID, "db.migrations", "no migration files are in the tree");
    }
    let reading = migrations::steps(tree.snapshot, &facts);
    let files = counted(facts.files.len(), "file");
    if reading.steps == 0 {
        return Finding::inconclusive(ID, format!("No step could be read in {files} of {}", facts.tool));
    }
    if reading.hazards.is_empty() {
        return Finding::pass(ID, format!("None of the {} steps in {files} of {} hurts", reading.steps, facts.tool));
    }
    let line = |path: &str, number: u32| {
        let text = tree.text(path).unwrap_or_default();
        let at = usize::try_from(number).unwrap_or(1).saturating_sub(1);
        tree::excerpt(text.lines().nth(at).unwrap_or_default())
    };
    let evidence = reading.hazards.iter().take(SHOWN).map(|hazard| {
        let step = &hazard.step;
        Evidence::file(&step.path, Some(step.line), line(&step.path, step.line))
    });
    let named: Vec<String> = reading
        .hazards
        .iter()
        .take(SHOWN)
        .map(|hazard| format!("{}:{} {} ({})", hazard.step.path, hazard.step.line, hazard.what, hazard.step.table))
        .collect();
    let summary = format!("{} of the migrations would hurt a database in use", counted(reading.hazards.len(), "step"));
    Finding::fail(ID, summary).expected(better(&reading.hazards)).actual(named.join("\n")).evidences(evidence)
}

/// What the linters advise for the worst of the hazards.
fn better(hazards: &[Hazard]) -> &'static str {
    let taken = |change: &Change| !matches!(change, Change::CreateIndex { .. } | Change::AddRequired | Change::Require);
    match hazards.iter().map(|hazard| &hazard.step.change).find(|change| taken(change)) {
        Some(_) => "expand and contract: add what is new, move over, take the old away in a later release",
        None if hazards.iter().any(|hazard| matches!(hazard.step.change, Change::CreateIndex { .. })) => {
            "CREATE INDEX CONCURRENTLY on a table that is in use"
        }
        None => "a default for a new required column; a checked constraint before an old one becomes required",
    }
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    const MADE: (&str, &str) = ("migrations/1_books.sql", "CREATE TABLE books (id int, title text);\n");

    #[test]
    fn steps_are_named_by_file_and_line() {
        let dropped = "-- Tidy up\nALTER TABLE books\n  DROP COLUMN title;\n";
        let finding = over(&[MADE, ("migrations/2_tidy.sql", dropped)], run);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.actual, "migrations/2_tidy.sql:3 drops a column in place (books)");
    }

    #[test]
    fn without_migrations_there_is_nothing_to_judge() {
        assert_eq!(over(&[("src/main.py", "x = 1")], run).verdict, Verdict::Blocked);
        assert_eq!(over(&[MADE], run).verdict, Verdict::Pass);
    }
}
