//! `api.order.stock`: a transaction that succeeds lowers the stock by what was taken, as reading the record shows.
//!
//! Planted defect: `api-order-stock` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Placing, Probe, Stop};

const STOCK: u32 = 30;
/// Quantities that are tried, until one is taken.
const QUANTITIES: [u32; 2] = [3, 1];

pub(crate) struct Stock;

#[async_trait]
impl Probe for Stock {
    fn id(&self) -> &'static str {
        "api.order.stock"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let placing = Placing::find(ctx)?;
        let mut values = ctx.values(self.id());
        let record = placing.stocked(ctx, &mut values, STOCK).await?;
        let before = placing.read_record(ctx, &record).await?;
        match placing.stock(&before) {
            Some(stock) if stock == f64::from(STOCK) => {}
            // A record that loses or hides its stock has a finding already.
            _ => return Err(Stop::blocked("api.roundtrip", "reading a record does not show the stock that was sent")),
        }
        let mut refused = String::new();
        for quantity in QUANTITIES {
            let made = placing.send(ctx, placing.body(&[(&record, quantity)])?).await?;
            if !made.is_success() {
                refused = made.status_line();
                continue;
            }
            let after = placing.read_record(ctx, &record).await?;
            let left = placing.stock(&after);
            let expected = f64::from(STOCK - quantity);
            let id = &placing.transaction.id;
            let finding = if left == Some(expected) {
                Finding::pass(self.id(), format!("The {id} lowers the stock by what was taken"))
            } else if left == Some(f64::from(STOCK)) {
                Finding::fail(self.id(), format!("The {id} does not lower the stock"))
            } else {
                Finding::fail(self.id(), format!("The {id} lowers the stock by something else than was taken"))
            };
            let recorder = ctx.recorder();
            return Ok(finding
                .expected(format!("{STOCK} before, {expected} after {quantity} were taken"))
                .actual(format!(
                    "{STOCK} before, {} after {quantity} were taken",
                    left.map_or_else(|| "no stock".to_owned(), |left| left.to_string())
                ))
                .evidence(recorder.evidence(&made))
                .evidence(recorder.evidence(&after)));
        }
        Err(Stop::blocked("api.operations", format!("a sound {} is now answered {refused}", placing.transaction.id)))
    }
}
