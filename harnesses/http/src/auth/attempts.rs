//! Evidence for an operation that could not be bound: what was answered where it was looked for.

use grader_model::Evidence;
use harness_kit::Context;

/// Exchanges that a finding shows.
const SHOWN: usize = 3;

/// The last requests to one of `paths` that were answered as if something were there; where nothing was, the first
/// ones tried.
pub(super) fn shown(ctx: &Context, paths: &[String]) -> Vec<Evidence> {
    let recorder = ctx.recorder();
    let exchanges = recorder.exchanges();
    let tried: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.method == "POST" && paths.iter().any(|path| exchange.target.ends_with(path)))
        .collect();
    let mut telling: Vec<_> =
        tried.iter().rev().filter(|exchange| !matches!(exchange.status, 0 | 404 | 405)).take(SHOWN).collect();
    telling.reverse();
    if telling.is_empty() {
        telling = tried.iter().take(SHOWN).collect();
    }
    telling.into_iter().map(|exchange| recorder.evidence_of(exchange)).collect()
}
