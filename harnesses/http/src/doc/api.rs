//! `doc.api`: what the API can do is written down where a client looks: the README, another document of the repository,
//! or the description that it serves.
//!
//! Observes every endpoint that was bound or is read from the source (health checks and the like left out) and looks for
//! its method and path in the documents; a prefix that a document states once need not be repeated. That is 70 % of the
//! points. The rest is for what the documents tell of them, a quarter each: the body of writes, what is answered, which
//! errors there are, and an example; one counts where half of the endpoints that it applies to have it. From 92 % on it
//! is a pass: nobody is held to every example. No endpoint documented is a fail.
//! Planted defects: `doc-api-*`.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Context, Probe, Stop};

use super::known::{self, Endpoint};

/// Share of the points for method and path alone.
const NAMED: f64 = 0.7;
/// From this share on it is a pass.
const ENOUGH: f64 = 0.92;
/// Endpoints shown.
const SHOWN: usize = 8;

pub(crate) struct Described;

/// What documents tell of one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    named: bool,
    body: bool,
    answer: bool,
    errors: bool,
    example: bool,
}

impl Told {
    fn and(self, other: Told) -> Told {
        Told {
            named: self.named || other.named,
            body: self.body || other.body,
            answer: self.answer || other.answer,
            errors: self.errors || other.errors,
            example: self.example || other.example,
        }
    }
}

#[async_trait]
impl Probe for Described {
    fn id(&self) -> &'static str {
        "doc.api"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let served = known::served(ctx);
        if served.is_empty() {
            return Err(Stop::blocked("api.operations", "no endpoint was found"));
        }
        let expected = "every endpoint with method, path, body, answer, errors and an example";
        let told: Vec<Told> = served.iter().map(|endpoint| told(ctx, endpoint)).collect();
        let missing: Vec<&Endpoint> =
            served.iter().zip(&told).filter(|(_, told)| !told.named).map(|(endpoint, _)| endpoint).collect();
        let details = details(&served, &told);
        let lacking: Vec<&str> = details.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect();
        let share = (served.len() - missing.len()) as f64 / served.len() as f64;
        let fraction = share * (NAMED + (1.0 - NAMED) * (4 - lacking.len()) as f64 / 4.0);
        let mut actual = format!("{} of {} endpoints", served.len() - missing.len(), served.len());
        if !lacking.is_empty() && missing.len() < served.len() {
            actual.push_str(&format!(", without {}", lacking.join(", ")));
        }
        if fraction >= ENOUGH {
            return Ok(Finding::pass(self.id(), "The documents tell what the API can do")
                .expected(expected)
                .actual(actual));
        }
        let names: Vec<String> =
            missing.iter().take(4).map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
        let summary = match missing.len() {
            0 => format!("The documents name every endpoint and say nothing of {}", lacking.join(", ")),
            all if all == served.len() => "No document tells what the API can do".to_owned(),
            few => format!("{few} of {} endpoints stand in no document: {}", served.len(), names.join(", ")),
        };
        let evidence: Vec<Evidence> = missing.iter().take(SHOWN).map(|endpoint| evidence(endpoint)).collect();
        Ok(Finding::partial(self.id(), fraction, summary).expected(expected).actual(actual).evidences(evidence))
    }
}

fn evidence(endpoint: &Endpoint) -> Evidence {
    let shown = format!("{} {} stands in no document", endpoint.method, endpoint.path);
    match endpoint.place.as_deref().and_then(|place| place.rsplit_once(':')) {
        Some((path, line)) => Evidence::file(path, line.parse().ok(), shown),
        None => Evidence::note(shown),
    }
}

/// What all documents together tell of an endpoint.
fn told(ctx: &Context, endpoint: &Endpoint) -> Told {
    let description = ctx.bound().description.map(|description| description.operations.clone()).unwrap_or_default();
    let described = description
        .iter()
        .filter(|operation| operation.method == endpoint.method && known::fit(&operation.path, &endpoint.path))
        .map(|operation| Told {
            named: true,
            body: !operation.members.is_empty(),
            answer: operation.answer,
            errors: operation.errors,
            example: operation.example,
        });
    let written = ctx.facts().readme.iter().flat_map(|readme| &readme.endpoints);
    let written = written
        .filter(|document| document.method == endpoint.method && known::fit(&document.path, &endpoint.path))
        .map(|document| Told {
            named: true,
            body: document.body,
            answer: document.answer,
            errors: document.errors,
            example: document.example,
        });
    described.chain(written).fold(Told::default(), Told::and)
}

/// Each detail, and whether half of the documented endpoints that it applies to have it.
fn details(served: &[Endpoint], told: &[Told]) -> [(&'static str, bool); 4] {
    let named: Vec<(&Endpoint, &Told)> = served.iter().zip(told).filter(|(_, told)| told.named).collect();
    let half = |applies: &dyn Fn(&Endpoint) -> bool, has: &dyn Fn(&Told) -> bool| {
        let applying: Vec<&Told> =
            named.iter().filter(|(endpoint, _)| applies(endpoint)).map(|(_, told)| *told).collect();
        applying.iter().filter(|told| has(told)).count() * 2 >= applying.len()
    };
    let writes = |endpoint: &Endpoint| matches!(endpoint.method.as_str(), "POST" | "PUT" | "PATCH");
    let any = |_: &Endpoint| true;
    [
        ("bodies", half(&writes, &|told| told.body)),
        ("answers", half(&any, &|told| told.answer)),
        ("errors", half(&any, &|told| told.errors)),
        ("examples", half(&any, &|told| told.example)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(method: &str) -> Endpoint {
        Endpoint { method: method.into(), path: "/x".into(), place: None }
    }

    #[test]
    fn a_detail_counts_where_half_have_it() {
        let all = Told { named: true, body: true, answer: true, errors: true, example: true };
        let bare = Told { named: true, ..Told::default() };
        let served = [endpoint("POST"), endpoint("GET"), endpoint("GET")];
        let lacking = |told: &[Told]| -> Vec<&str> {
            details(&served, told).iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect()
        };
        assert_eq!(lacking(&[all, all, bare]), Vec::<&str>::new());
        assert_eq!(lacking(&[bare, all, bare]), ["bodies", "answers", "errors", "examples"]);
        // What is not named at all is charged by itself.
        assert_eq!(lacking(&[all, Told::default(), Told::default()]), Vec::<&str>::new());
    }
}
