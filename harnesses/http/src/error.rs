//! Error handling: validation, conflicts, the shape of errors, what must never be answered.

mod cases;
mod conflict;
mod extremes;
mod leaks;
mod malformed_json;
mod media_type;
mod no_5xx;
mod routes;
mod shape;
mod shapes;
mod stock;
mod support;
mod validation;
mod validation_details;

use harness_kit::Probe;

/// The last three look back at the whole run; `error.no-5xx` after the others, so that what they claim is not charged
/// twice. `error.extremes` comes after its siblings, since it may stop the server.
pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(malformed_json::MalformedJson),
        Box::new(validation::Validation),
        Box::new(validation_details::ValidationDetails),
        Box::new(conflict::Conflict),
        Box::new(stock::Stock),
        Box::new(media_type::MediaType),
        Box::new(extremes::Extremes),
        Box::new(shape::ErrorShape),
        Box::new(leaks::Leaks),
        Box::new(no_5xx::NoServerErrors),
    ]
}
