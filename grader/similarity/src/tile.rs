//! The passages that two submissions share: every shared fingerprint grown as far as both sides agree, the longest first,
//! no token in two of them.

use crate::fingerprint::GRAM;
use crate::source::{Code, State};

/// A place of a token: its file and its position there.
pub(crate) type Spot = (usize, usize);

/// A passage of `length` tokens that begins at `a` and at `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) a: Spot,
    pub(crate) b: Spot,
    pub(crate) length: usize,
}

/// The tiles that the `anchors` (begins of equal runs) grow to.
pub(crate) fn tiles(a: &[Code], b: &[Code], anchors: &[(Spot, Spot)]) -> Vec<Tile> {
    let mut grown: Vec<Tile> = anchors.iter().filter_map(|(at_a, at_b)| grow(a, b, *at_a, *at_b)).collect();
    // What several anchors grow to is one tile.
    grown.sort_by_key(|tile| (std::cmp::Reverse(tile.length), tile.a, tile.b));
    grown.dedup();
    let mut taken_a = untaken(a);
    let mut taken_b = untaken(b);
    let mut tiles = Vec::new();
    for tile in grown {
        let Some(free) = longest_free(&tile, &taken_a[tile.a.0], &taken_b[tile.b.0]) else { continue };
        taken_a[free.a.0][free.a.1..free.a.1 + free.length].fill(true);
        taken_b[free.b.0][free.b.1..free.b.1 + free.length].fill(true);
        tiles.push(free);
    }
    tiles.sort_by_key(|tile| (std::cmp::Reverse(tile.length), tile.a, tile.b));
    tiles
}

fn untaken(files: &[Code]) -> Vec<Vec<bool>> {
    files.iter().map(|code| vec![false; code.words.len()]).collect()
}

fn grow(a: &[Code], b: &[Code], at_a: Spot, at_b: Spot) -> Option<Tile> {
    let (code_a, code_b) = (&a[at_a.0], &b[at_b.0]);
    let agree = |x: usize, y: usize| {
        code_a.words[x] == code_b.words[y] && code_a.state[x] == State::Own && code_b.state[y] == State::Own
    };
    let (mut first_a, mut first_b) = (at_a.1, at_b.1);
    while first_a > 0 && first_b > 0 && agree(first_a - 1, first_b - 1) {
        first_a -= 1;
        first_b -= 1;
    }
    let mut length = 0;
    while first_a + length < code_a.words.len()
        && first_b + length < code_b.words.len()
        && agree(first_a + length, first_b + length)
    {
        length += 1;
    }
    // Shorter than its run: two runs had the same hash.
    (length >= GRAM).then_some(Tile { a: (at_a.0, first_a), b: (at_b.0, first_b), length })
}

/// The longest part of a tile of which no token is taken, if it is still as long as a run.
fn longest_free(tile: &Tile, taken_a: &[bool], taken_b: &[bool]) -> Option<Tile> {
    let mut best = (0, 0);
    let mut first = 0;
    for at in 0..=tile.length {
        let free = at < tile.length && !taken_a[tile.a.1 + at] && !taken_b[tile.b.1 + at];
        if !free {
            if at - first > best.1 {
                best = (first, at - first);
            }
            first = at + 1;
        }
    }
    let (offset, length) = best;
    (length >= GRAM).then_some(Tile { a: (tile.a.0, tile.a.1 + offset), b: (tile.b.0, tile.b.1 + offset), length })
}
