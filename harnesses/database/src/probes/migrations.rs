//! `db.migrations`: migrations build the schema: files of a migration tool are in the tree, and the tool's table in the database
//! is not behind them.
//!
//! Fails when there are no files or the tool never ran; a schema made by `create_all`, `sync` or hand-written statements at
//! start-up is named as such. Planted defect: `db-migrations` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::store::Store;

pub(crate) struct Migrations(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Migrations {
    fn id(&self) -> &'static str {
        "db.migrations"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let found = self.0.found(ctx).await?;
        let migrations = &ctx.facts().migrations;
        let at_start =
            migrations.created_at_start.iter().map(|place| Evidence::note(format!("made at start-up: {place}")));
        if migrations.files.is_empty() {
            return Ok(Finding::fail(self.id(), "No migration files build the schema")
                .expected("migration files of a tool, applied to the database")
                .actual(match migrations.created_at_start.first() {
                    Some(place) => format!("the application makes the tables at start-up ({place})"),
                    None => "no migration files in the tree".to_owned(),
                })
                .evidences(at_start));
        }
        let files = format!("{} files of {}", migrations.files.len(), migrations.tool);
        let evidence: Vec<Evidence> =
            migrations.files.iter().rev().take(3).map(|file| Evidence::file(&file.path, None, "")).collect();
        if migrations.table.is_empty() {
            return Ok(Finding::pass(self.id(), format!("Migrations are kept: {files}")).evidences(evidence));
        }
        let table = found.schema.tables.iter().find(|(name, _)| name.name.eq_ignore_ascii_case(&migrations.table));
        let Some((name, _)) = table else {
            return Ok(Finding::fail(
                self.id(),
                format!("{} never ran on the database that the API uses", migrations.tool),
            )
            .expected(format!("the table {} of {}", migrations.table, migrations.tool))
            .actual("there is no such table")
            .evidences(evidence));
        };
        let sql = format!("SELECT * FROM {} t LIMIT 200", found.dialect().table(name));
        let rows = found.query(&sql).await?;
        let applied: Vec<&str> = rows.rows.iter().flatten().filter_map(Option::as_deref).collect();
        let last = migrations.files.last().map(|file| file.version.as_str()).unwrap_or_default();
        let behind = !last.is_empty()
            && !applied.iter().any(|text| *text == last || text.ends_with(last) || text.starts_with(last));
        if behind {
            return Ok(Finding::fail(self.id(), "The database is behind the migration files")
                .expected(format!("{last} applied"))
                .actual(format!("{} holds: {}", migrations.table, applied.join(", ")))
                .evidence(rows.evidence(&sql)));
        }
        Ok(Finding::pass(self.id(), format!("The schema is built by {files}, all applied")).evidences(evidence))
    }
}
