//! `api.pagination.bounded`: a list without parameters gives a page and not everything, however many records there are.
//!
//! As many records as the spec says are made; the list must then hold fewer than there are. A list that names a larger
//! page size in its answer gets more records than that before it is judged. A list for which no way on was found at all
//! fails here, and this is what blocks the other probes of paging.
//! Planted defect: `api-pagination-bounded` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Phase, Probe, Stop, wire};
use serde_json::Value;

use super::fill::fill;

/// Records that the probe makes, unless the spec says otherwise.
const RECORDS: u64 = 120;
/// A default page size above this is as good as none.
const LARGEST_PAGE: u64 = 500;

pub(crate) struct Bounded;

#[async_trait]
impl Probe for Bounded {
    fn id(&self) -> &'static str {
        "api.pagination.bounded"
    }

    fn phase(&self) -> Phase {
        Phase::Flood
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let session = ctx.writer(&main)?;
        let mut values = ctx.values(self.id());
        let list = async || -> Result<(Answer, usize), Stop> {
            let answer = main.list_request(&[], session.as_ref())?.send(ctx).await;
            match main.keys_in(&answer).filter(|_| answer.is_success()) {
                Some(keys) => Ok((answer, keys.len())),
                None => Err(Stop::blocked("api.operations", format!("listing answers {}", answer.status_line()))),
            }
        };
        list().await?;
        let wanted = ctx.param(self.id(), "records", RECORDS);
        let mut made = fill(ctx, &main, &mut values, usize::try_from(wanted).unwrap_or(120), &[]).await?.len();
        let (mut answer, mut shown) = list().await?;
        let stated = answer.json().and_then(|body| page_size(body, 0));
        if let Some(stated) = stated.and_then(|size| usize::try_from(size).ok())
            && shown >= made
            && stated > shown
            && stated as u64 <= LARGEST_PAGE
        {
            made += fill(ctx, &main, &mut values, stated + 1 - made, &[]).await?.len();
            (answer, shown) = list().await?;
        }
        let expected = format!("a page of fewer than {made} records");
        let evidence = ctx.recorder().evidence(&answer);
        let finding = if shown >= made {
            Finding::fail(self.id(), format!("Listing without parameters gives all of more than {made} records"))
                .actual("all of them")
        } else if main.pagination.is_none() {
            Finding::fail(self.id(), "The list is cut off, and no parameter or link leads to the rest")
                .actual(format!("{shown} records and no way to the others"))
        } else {
            Finding::pass(self.id(), format!("Listing without parameters gives {shown} of more than {made} records"))
                .actual(format!("a page of {shown} records"))
        };
        Ok(finding.expected(expected).evidence(evidence))
    }
}

/// The page size that an answer names outside its records.
fn page_size(body: &Value, depth: u8) -> Option<u64> {
    let members = body.as_object().filter(|_| depth < 4)?;
    members.iter().find_map(|(name, value)| match wire::plain(name).as_str() {
        "limit" | "size" | "pagesize" | "perpage" | "itemsperpage" => value.as_u64(),
        _ => page_size(value, depth + 1),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::page_size;

    #[test]
    fn a_page_size_is_read_beside_the_records_only() {
        assert_eq!(page_size(&json!({"data": [{"size": 3}], "meta": {"pageSize": 20}}), 0), Some(20));
        assert_eq!(page_size(&json!([{"limit": 3}]), 0), None);
    }
}
