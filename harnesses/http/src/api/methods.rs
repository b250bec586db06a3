//! `api.methods`: methods mean what HTTP says that they mean (RFC 9110, 9.3): GET reads, POST creates, PUT and PATCH
//! change, DELETE removes.
//!
//! Looked at are the operations as they work, whatever their paths: a route that is documented and never called proves
//! nothing. Planted defect: `api-methods` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Context, Operation, Probe, Stop};

use super::routes;

pub(crate) struct Methods;

#[async_trait]
impl Probe for Methods {
    fn id(&self) -> &'static str {
        "api.methods"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let bound = ctx.bound();
        let mut seen = 0;
        let mut wrong = Vec::new();
        for id in ctx.spec().domain.resources.keys() {
            let Some(resource) = bound.resources.get(id) else { continue };
            for action in Action::ALL {
                let Some(operation) = resource.operations.get(&action) else { continue };
                seen += 1;
                if !is_fitting(action, operation) {
                    wrong.push((operation.clone(), customary(action)));
                }
            }
        }
        for operation in bound.register.iter().chain(&bound.login) {
            seen += 1;
            if operation.method == "GET" {
                wrong.push((operation.clone(), "POST"));
            }
        }
        if seen == 0 {
            return Err(Stop::blocked("api.operations", "no operation was found"));
        }
        if wrong.is_empty() {
            return Ok(Finding::pass(self.id(), format!("All {seen} operations use the method that fits them")));
        }
        let line = |(operation, _): &(Operation, &str)| {
            format!("{}: {} {}", operation.id, operation.method, operation.template)
        };
        let lines: Vec<String> = wrong.iter().map(line).collect();
        let wanted: Vec<String> =
            wrong.iter().map(|(operation, method)| format!("{}: {method}", operation.id)).collect();
        let evidence = wrong.iter().filter_map(|(operation, _)| routes::evidence(ctx, operation));
        let names: Vec<&str> = wrong.iter().map(|(operation, _)| operation.id.as_str()).collect();
        Ok(Finding::fail(self.id(), format!("The method means something else: {}", names.join(", ")))
            .expected(wanted.join("\n"))
            .actual(lines.join("\n"))
            .evidences(evidence))
    }
}

/// Whether the operation's method is one that a client may expect of it.
pub(super) fn is_fitting(action: Action, operation: &Operation) -> bool {
    match action {
        Action::List | Action::Read => operation.method == "GET",
        // A PUT to a key of the client's choice creates as well.
        Action::Create => matches!(operation.method.as_str(), "POST" | "PUT"),
        Action::Update => matches!(operation.method.as_str(), "PUT" | "PATCH"),
        Action::Delete => operation.method == "DELETE",
    }
}

fn customary(action: Action) -> &'static str {
    match action {
        Action::List | Action::Read => "GET",
        Action::Create => "POST",
        Action::Update => "PUT or PATCH",
        Action::Delete => "DELETE",
    }
}
