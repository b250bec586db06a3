//! Fingerprints of a file: hashes of runs of tokens, and the few of them that winnowing keeps.

use std::collections::HashSet;

use crate::source::{Code, State};

/// Tokens in a run.
pub(crate) const GRAM: usize = 24;
/// Hashes of which one is kept: whatever agrees over `GRAM + WINDOW - 1` tokens shares a fingerprint.
pub(crate) const WINDOW: usize = 8;
/// Different tokens that a run needs: tables of values and lists of names say nothing.
const VARIETY: usize = 6;

/// The hash of every run of a file, by the token that it begins with; `None` for one with too little variety.
pub(crate) fn grams(words: &[u32]) -> Vec<Option<u64>> {
    words
        .windows(GRAM)
        .map(|run| {
            let different: HashSet<u32> = run.iter().copied().collect();
            (different.len() >= VARIETY).then(|| hash(run))
        })
        .collect()
}

/// A hash of the run that is the same everywhere: which runs winnowing keeps depends on it.
fn hash(run: &[u32]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64;
    for word in run {
        hash = (hash ^ u64::from(*word)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 32;
    }
    hash
}

/// Marks the tokens that lie in a run of `these`, where they are still the submission's own.
pub(crate) fn leave_out(code: &mut Code, grams: &[Option<u64>], these: impl Fn(u64) -> bool, state: State) {
    for (at, gram) in grams.iter().enumerate() {
        if gram.is_some_and(&these) {
            for token in &mut code.state[at..at + GRAM] {
                if *token == State::Own {
                    *token = state;
                }
            }
        }
    }
}

/// The fingerprints of a file with the token that each begins with: of every `WINDOW` runs one after another the smallest
/// hash, the last of equals. Runs that hold a token left out are none.
pub(crate) fn winnow(code: &Code, grams: &[Option<u64>]) -> Vec<(u64, usize)> {
    let mut kept: Vec<(u64, usize)> = Vec::new();
    let own = |at: usize| code.state[at..at + GRAM].iter().all(|state| *state == State::Own);
    let usable: Vec<Option<u64>> = grams.iter().enumerate().map(|(at, gram)| gram.filter(|_| own(at))).collect();
    for (first, window) in usable.windows(WINDOW.min(usable.len()).max(1)).enumerate() {
        let smallest =
            window.iter().enumerate().rev().filter_map(|(at, gram)| Some((gram.as_ref().copied()?, first + at)));
        // `min_by_key` keeps the first of equals, which is the last in the text.
        if let Some(chosen) = smallest.min_by_key(|(hash, _)| *hash)
            && kept.last() != Some(&chosen)
        {
            kept.push(chosen);
        }
    }
    kept
}
