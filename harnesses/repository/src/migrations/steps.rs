//! What migrations do to the schema, step by step, and which steps hurt a database in use.
//!
//! The rules are those on which the known linters agree (squawk and strong_migrations for PostgreSQL): dropping or
//! renaming what a running version still reads, rewriting a column's type, a required column without a default, an
//! index that is not built concurrently; each only on a table that an earlier migration made. Which tool wrote a step
//! does not matter here.

mod calls;
mod changelog;
mod sql;

use std::collections::HashSet;

use grader_model::Snapshot;
use harness_kit::MigrationFacts;

use crate::tree;

/// Steps of all files together that are read.
const MOST: usize = 5_000;

/// One change of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: u32,
    /// The table's plain name in lower case; empty where it cannot be told.
    pub(crate) table: String,
    pub(crate) change: Change,
    /// Which unit of its file it belongs to: a change set of a changelog; one for every other file.
    pub(crate) unit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    CreateTable,
    DropTable,
    RenameTable,
    DropColumn,
    RenameColumn,
    /// With the new type as far as it is written.
    RetypeColumn(String),
    /// A new column that takes no NULL and has no default.
    AddRequired,
    /// An old column that takes no NULL from now on.
    Require,
    CreateIndex {
        concurrently: bool,
    },
    /// Something that makes a later step safe, such as a validated check.
    Prepare,
}

/// A step that hurts, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hazard {
    pub(crate) step: Step,
    /// What it does, in words.
    pub(crate) what: &'static str,
}

/// What the migrations of a tree do, and what of it hurts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) steps: usize,
    pub(crate) hazards: Vec<Hazard>,
}

/// Reads the files of the tool in their order.
pub(crate) fn read(snapshot: &Snapshot, facts: &MigrationFacts) -> Reading {
    let texts = tree::texts(snapshot);
    let text = |path: &str| texts.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
    let postgres = is_postgres(&texts);
    let mut seen = HashSet::new();
    let mut steps: Vec<Step> = Vec::new();
    // A changelog is listed once for each of its change sets.
    for file in facts.files.iter().filter(|file| seen.insert(file.path.clone())) {
        let Some(text) = text(&file.path) else { continue };
        let found = match tree::language(&file.path) {
            Some(language) => calls::read(text, language),
            None if changelog::is_one(&file.path, text) => changelog::read(text),
            None => sql::read(sql::forward(text), 1),
        };
        steps.extend(found.into_iter().map(|(line, unit, table, change)| Step {
            path: file.path.clone(),
            line,
            table,
            change,
            unit,
        }));
        steps.truncate(MOST);
    }
    let hazards = hazards(&steps, postgres);
    Reading { steps: steps.len(), hazards }
}

/// What a reader gives: line, unit, table, change.
type Read = (u32, usize, String, Change);

/// Whether the stack's database is PostgreSQL; MySQL and MariaDB build indexes without holding up writers, and fill a
/// required column by themselves.
fn is_postgres(texts: &[(&str, &str)]) -> bool {
    let says = |path: &str, text: &str| {
        let name = tree::file_name(path).to_ascii_lowercase();
        let manifest = ["compose", "requirements", "pyproject", "package.json", "go.mod", "cargo.toml", "pom.xml"]
            .iter()
            .chain(&["build.gradle", "gemfile", "composer.json"])
            .any(|word| name.contains(word));
        manifest && ["postgres", "psycopg", "asyncpg", "pgx", "lib/pq"].iter().any(|word| text.contains(word))
    };
    texts.iter().any(|(path, text)| says(path, text))
}

fn hazards(steps: &[Step], postgres: bool) -> Vec<Hazard> {
    // The migration that makes a table, by file and unit; what the same one does to it hurts nobody.
    let made_in = |table: &str, upto: usize| {
        let making = |step: &&Step| step.change == Change::CreateTable && step.table == table;
        steps[..upto].iter().rfind(making).map(|step| (&step.path, step.unit))
    };
    let made_at_all = |table: &str| steps.iter().any(|step| step.change == Change::CreateTable && step.table == table);
    let first = steps.first().map(|step| (&step.path, step.unit));
    let mut found = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let here = (&step.path, step.unit);
        let existing = match made_in(&step.table, at) {
            Some(maker) => maker != here,
            // A table that no migration makes was there before, unless its name cannot be told.
            None => !step.table.is_empty() && !made_at_all(&step.table) && first != Some(here),
        };
        let prepared = || steps[..at].iter().any(|one| one.change == Change::Prepare && one.table == step.table);
        let what = match &step.change {
            Change::DropTable => "drops a table in place",
            Change::RenameTable => "renames a table in place",
            Change::DropColumn => "drops a column in place",
            Change::RenameColumn => "renames a column in place",
            Change::RetypeColumn(to) if !is_wider(to) => "changes a column's type in place",
            Change::AddRequired if postgres => "adds a required column without a default",
            Change::Require if postgres && !prepared() => {
                "makes a column required while every row is checked under a lock"
            }
            Change::CreateIndex { concurrently: false } if postgres => "builds an index while writes wait",
            _ => continue,
        };
        if existing {
            found.push(Hazard { step: step.clone(), what });
        }
    }
    found
}

/// Types that any text fits into without being rewritten; a limit may be the wider one.
fn is_wider(to: &str) -> bool {
    let to = to.trim().to_ascii_lowercase();
    ["text", "varchar", "character varying", "string", "citext"].iter().any(|kind| to.starts_with(kind))
}

/// A table's plain name: without schema and quotes, in lower case.
fn plain(name: &str) -> String {
    let name = name.rsplit('.').next().unwrap_or(name);
    name.trim_matches(|c: char| matches!(c, '"' | '`' | '\'' | '[' | ']') || c.is_whitespace()).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
