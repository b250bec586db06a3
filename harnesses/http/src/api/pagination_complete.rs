//! `api.pagination.complete`: walking all the pages meets every record exactly once, also while records share the value
//! that the list is sorted by.
//!
//! Records are made that are alike in everything but what must be unique; then the list is walked in small pages, in its
//! own order and in each documented order by a field that they share. Nothing is written meanwhile, so that whatever is
//! lost or repeated is the list's own doing.
//! Planted defect: `api-pagination-complete` of the FastAPI submission.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind};
use harness_kit::{Answer, BoundResource, Context, Probe, Record, Session, Stop, wire};
use serde_json::Value;

use super::fill::fill;
use super::pages::{self, Walk};

/// Records that are alike.
const ALIKE: usize = 12;
/// Page sizes: the second where the first does not lead to the end.
const SIZES: [u32; 2] = [5, 100];
/// Pages of one walk.
const PAGES: usize = 80;
/// Parameters that choose an order.
const SORTS: &[&str] = &["sort", "sortby", "orderby", "ordering", "order", "sortfield"];

pub(crate) struct Complete;

/// A record that a walk met twice or never.
struct Fault {
    what: &'static str,
    shown: Vec<Answer>,
}

#[async_trait]
impl Probe for Complete {
    fn id(&self) -> &'static str {
        "api.pagination.complete"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        main.operation(Action::List)?;
        if main.pagination.is_none() {
            return Err(pages::unpaged(&main));
        }
        let mut values = ctx.values(self.id());
        let session = ctx.writer(&main)?;
        let same: Vec<(String, Value)> = main
            .fresh(&mut values)
            .into_iter()
            .filter(|(id, _)| main.spec.fields.get(id).is_some_and(|field| !field.unique))
            .collect();
        let records = fill(ctx, &main, &mut values, ALIKE, &same).await?;
        let recorder = ctx.recorder();
        let mut walked = Vec::new();
        for order in orders(ctx, &main, session.as_ref()).await {
            let called = match &order {
                Some((name, value)) => format!("with {name}={value}"),
                None => "in its own order".to_owned(),
            };
            if let Some(fault) = walk(ctx, &main, session.as_ref(), &records, order.as_ref()).await? {
                return Ok(Finding::fail(self.id(), format!("Walking the pages {called} {}", fault.what))
                    .expected("each record exactly once")
                    .actual(format!("{called}: {}", fault.what))
                    .evidences(fault.shown.iter().map(|answer| recorder.evidence(answer))));
            }
            walked.push(called);
        }
        Ok(Finding::pass(self.id(), format!("Walking all the pages {} meets each record once", walked.join(" and ")))
            .expected("each record exactly once")
            .actual("each record exactly once"))
    }
}

/// The list's own order, and the first documented one by a field that the records share.
async fn orders(ctx: &Context, main: &BoundResource, session: Option<&Session>) -> Vec<Option<(String, String)>> {
    let mut orders = vec![None];
    let documented = main.operations.get(&Action::List).map(|list| list.query.clone()).unwrap_or_default();
    let Some(param) = SORTS.iter().find_map(|sort| documented.iter().find(|name| wire::plain(name) == *sort)) else {
        return orders;
    };
    let shared = main.spec.fields.iter().filter(|(_, field)| matches!(field.kind, FieldKind::Text | FieldKind::Money));
    for name in shared.filter_map(|(id, _)| main.fields.get(id)).map(|wire| wire.name.clone()) {
        let Ok(request) = main.list_request(&[(param, name.clone())], session) else { continue };
        if request.send(ctx).await.is_success() {
            orders.push(Some((param.clone(), name)));
            break;
        }
    }
    orders
}

async fn walk(
    ctx: &Context,
    main: &BoundResource,
    session: Option<&Session>,
    records: &[Record],
    order: Option<&(String, String)>,
) -> Result<Option<Fault>, Stop> {
    for size in SIZES {
        let Some(mut walk) = Walk::begin(ctx, main, session, size) else { break };
        if let Some((name, value)) = order {
            walk = walk.with(name, value);
        }
        let mut met: HashMap<String, Answer> = HashMap::new();
        let mut turned = 0;
        let mut last = None;
        while turned < PAGES
            && let Some(page) = walk.next().await
        {
            turned += 1;
            for key in page.keys {
                if let Some(earlier) = met.insert(key, page.answer.clone()) {
                    return Ok(Some(Fault { what: "repeats records", shown: vec![earlier, page.answer] }));
                }
            }
            last = Some(page.answer);
        }
        if !walk.has_ended() {
            // A size that is refused from the first page on was the wrong one to ask for.
            if turned == 0 || turned == PAGES {
                continue;
            }
            let shown = last.into_iter().chain(walk.refusal().cloned()).collect();
            return Ok(Some(Fault { what: "breaks off before the end", shown }));
        }
        let known: HashSet<&String> = met.keys().collect();
        let Some(lost) = records.iter().find(|record| !known.contains(&record.key)) else { return Ok(None) };
        let read = match main.read_request(&lost.key, session) {
            Ok(request) => Some(request.send(ctx).await).filter(Answer::is_success),
            Err(_) => Some(lost.answer.clone()),
        };
        // Somebody else took it away, which proves nothing of the list.
        let Some(read) = read else { return Err(Stop::inconclusive("a record vanished while the list was walked")) };
        let what = if turned == 1 { "never leaves the first page" } else { "loses records" };
        return Ok(Some(Fault { what, shown: last.into_iter().chain([read]).collect() }));
    }
    Err(Stop::inconclusive(format!("{PAGES} pages of the sizes that the list takes do not reach its end")))
}
