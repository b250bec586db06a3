//! `db.reachable`: the database that the API really writes to is found, by a record made through the API and looked for in
//! every database of the stack, on servers and in files.
//!
//! The spec may name the engines that its brief asks for (`engines`); another one that holds the record is partial, and
//! all that is asked of a schema is then asked of that one. Fails when every database was looked into and none holds the
//! record: then nothing was kept where the brief asks for it. One that does not let itself be read is no finding, and a
//! record that could not be made is another probe's. Fixture: `fixtures/stores/sqlite`, which is partial.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, DatabaseKind, Phase, Probe, Stop};

use crate::engine::Dialect;
use crate::store::{Missing, Store};

pub(crate) struct Reachable(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Reachable {
    fn id(&self) -> &'static str {
        "db.reachable"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let wanted = wanted(ctx, self.id());
        match self.0.search(ctx).await {
            Ok(found) => {
                let engine = found.dialect().name();
                let tables = found.schema.own().count();
                let evidence = Evidence::note(format!("{tables} tables of the submission's own in {}", found.source));
                if wanted.is_empty() || wanted.iter().any(|name| is(found.dialect(), name)) {
                    let summary = format!("The API keeps its records in {}", found.source);
                    return Ok(Finding::pass(self.id(), summary).evidence(evidence));
                }
                Ok(Finding::partial(self.id(), 0.5, format!("The API keeps its records in {engine}"))
                    .expected(format!("a database of the kind that the brief asks for: {}", wanted.join(" or ")))
                    .actual(format!("{engine}, {}", found.source))
                    .evidence(evidence))
            }
            // The brief may allow what the grader cannot read.
            Err(Missing::Unread(DatabaseKind::Mongo, why))
                if wanted.is_empty() || wanted.iter().any(|name| name.starts_with("mongo")) =>
            {
                Err(Stop::inconclusive(format!("{why}; documents are not read")))
            }
            Err(Missing::Nowhere(why) | Missing::Unread(_, why)) => {
                Ok(Finding::fail(self.id(), "The database that the API writes to could not be found")
                    .expected("a record made through the API stands in a database of the stack")
                    .actual(why.clone()))
            }
            Err(missing) => Err(missing.stop()),
        }
    }
}

/// The engines that the spec names, in lower case.
fn wanted(ctx: &Context, probe: &str) -> Vec<String> {
    let params = ctx.params(probe);
    let named = params.get("engines").and_then(|engines| engines.as_array()).cloned().unwrap_or_default();
    named.iter().filter_map(|name| name.as_str()).map(str::to_lowercase).collect()
}

fn is(dialect: Dialect, name: &str) -> bool {
    let names: &[&str] = match dialect {
        Dialect::Postgres => &["postgresql", "postgres"],
        Dialect::Mysql => &["mysql", "mariadb"],
        Dialect::Sqlite => &["sqlite"],
    };
    names.contains(&name)
}
