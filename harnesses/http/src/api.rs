//! API design: operations, methods, status codes, round trips, pagination, transactions.

mod conditional;
mod content_type;
mod contract;
mod fill;
mod filtering;
mod idempotency;
mod method_not_allowed;
mod methods;
mod openapi;
mod operations;
mod pages;
mod pagination_bounded;
mod pagination_complete;
mod pagination_invalid;
mod pagination_metadata;
mod pagination_size;
mod resource_naming;
mod roundtrip;
pub(crate) mod routes;
mod status_create;
mod status_delete;
mod status_unknown;
mod transaction_stock;
mod transaction_total;
mod versioning;

use harness_kit::Probe;

pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(operations::Operations),
        Box::new(resource_naming::ResourceNaming),
        Box::new(methods::Methods),
        Box::new(status_create::StatusCreate),
        Box::new(status_delete::StatusDelete),
        Box::new(status_unknown::StatusUnknown),
        Box::new(method_not_allowed::MethodNotAllowed),
        Box::new(roundtrip::Roundtrip),
        Box::new(pagination_complete::Complete),
        Box::new(pagination_invalid::Invalid),
        Box::new(pagination_metadata::Metadata),
        Box::new(filtering::Filtering),
        Box::new(versioning::Versioning),
        Box::new(transaction_total::Total),
        Box::new(transaction_stock::Stock),
        Box::new(pagination_bounded::Bounded),
        Box::new(pagination_size::Size),
        Box::new(content_type::ContentType),
        Box::new(idempotency::Idempotency),
        Box::new(conditional::Conditional),
        Box::new(openapi::Openapi),
    ]
}
