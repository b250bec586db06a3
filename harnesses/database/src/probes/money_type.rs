//! `db.money-type`: money is kept in an exact type: numeric, whole cents, or the like; never in floating point.
//!
//! Planted defect: `db-money-type` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::FieldKind;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
use crate::engine::{Aspect, Dialect};
use crate::schema::{Column, TableName};
use crate::store::Store;

pub(crate) struct MoneyType(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for MoneyType {
    fn id(&self) -> &'static str {
        "db.money-type"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let domain = &ctx.spec().domain;
        let mut seen = Vec::new();
        let mut schema = Difference::default();
        // SQLite keeps decimals in floating point whatever a column is declared as.
        let exact = if found.dialect() == Dialect::Sqlite { "integer, in whole cents" } else { "numeric" };
        let inexact = |schema: &mut Difference, table: &TableName, column: &Column| {
            let name = format!("{table}.{}", column.name);
            schema.other(format!("{name} {exact}"), format!("{name} {}", column.kind));
        };
        let money = domain.main_resource().into_iter().flat_map(|main| &main.fields);
        for (id, _) in money.filter(|(_, field)| field.kind == FieldKind::Money) {
            let column = traces.main.columns.get(id);
            if let Some(column) = column.and_then(|name| found.schema.tables.get(&traces.main.table)?.column(name)) {
                seen.push(format!("{}.{} {}", traces.main.table, column.name, column.kind));
                // Text sorts and adds up wrongly where there is an exact type; SQLite has none, and text keeps what was put.
                if column.is_float() || column.is_text() && found.dialect() != Dialect::Sqlite {
                    inexact(&mut schema, &traces.main.table, column);
                } else {
                    schema.same(format!("{}.{} {}", traces.main.table, column.name, column.kind));
                }
            }
        }
        // A transaction keeps amounts as well: any floating-point column of its tables holds one.
        for trace in [&traces.transaction, &traces.line].into_iter().flatten() {
            let table = found.schema.tables.get(&trace.table);
            for column in table.into_iter().flat_map(|table| &table.columns).filter(|column| column.is_float()) {
                inexact(&mut schema, &trace.table, column);
            }
        }
        if schema.wanted() == 0 {
            return Err(Stop::inconclusive("the column that keeps money could not be told from its values"));
        }
        if schema.differing() == 0 {
            return Ok(Finding::pass(self.id(), format!("Money is kept exactly: {}", seen.join(", "))));
        }
        let shown = found.shown(Aspect::Columns).await?;
        let finding = Finding::fail(self.id(), "Money is kept in a type that does not count exactly");
        Ok(schema.tell(finding).evidence(shown))
    }
}
