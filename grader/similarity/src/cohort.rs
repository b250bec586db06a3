//! A cohort's submissions held against each other: what everybody has is left out, every pair is tiled, pairs are ranked.

use std::collections::{BTreeMap, HashMap, HashSet};

use grader_model::{ComparedSubmission, Passage, SIMILARITY_SCHEMA, SimilarPair, SimilarPlace, Similarity, Snapshot};

use crate::fingerprint::{grams, leave_out, winnow};
use crate::reading::Reading;
use crate::source::{self, Code, State};
use crate::tile::{self, Spot, Tile};

/// The most submissions that are compared at once.
const MOST: usize = 500;
/// Places of one fingerprint in one submission that are followed; a program that repeats itself has more.
const PLACES: usize = 6;
/// Lines between two passages of the same two files that are still read as one.
const GAP: u32 = 3;
/// Characters of an excerpt.
const EXCERPT: usize = 4_000;

/// A submission by the name that it is shown with.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    pub name: &'a str,
    pub tree: &'a Snapshot,
}

/// What is compared and shown.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The tree that candidates began with.
    pub template: Option<&'a Snapshot>,
    /// A passage that more submissions than this have is left out as common; absent for a quarter of the cohort and at
    /// least four.
    pub common: Option<usize>,
    /// The most pairs that the result holds.
    pub pairs: usize,
    /// The most places of a pair.
    pub places: usize,
    /// Whether the places quote their lines.
    pub excerpts: bool,
}

impl Default for Options<'_> {
    /// No template, common as said, 100 pairs of 20 places with their lines.
    fn default() -> Self {
        Options { template: None, common: None, pairs: 100, places: 20, excerpts: true }
    }
}

/// Why a cohort cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimilarityError {
    /// More submissions than are compared at once.
    #[error("{given} submissions are more than the {MOST} that are compared at once")]
    TooMany { given: usize },
}

/// Compares every submission with every other.
///
/// The same submissions in the same order give the same result.
///
/// # Errors
/// [`SimilarityError`].
pub fn compare(submissions: &[Submission<'_>], options: &Options<'_>) -> Result<Similarity, SimilarityError> {
    // Before anything is read.
    bounded(submissions.len())?;
    let readings: Vec<Reading> = submissions.iter().map(|submission| Reading::of(submission.tree)).collect();
    let named: Vec<(&str, &Reading)> =
        submissions.iter().map(|submission| submission.name).zip(readings.iter()).collect();
    compare_readings(&named, options)
}

/// The same of submissions that were read before, each by the name that it is shown with.
///
/// # Errors
/// [`SimilarityError`].
pub fn compare_readings(
    submissions: &[(&str, &Reading)],
    options: &Options<'_>,
) -> Result<Similarity, SimilarityError> {
    bounded(submissions.len())?;
    let mut cohort: Vec<Vec<Code>> = submissions.iter().map(|(_, reading)| reading.code()).collect();
    let hashes: Vec<Vec<Vec<Option<u64>>>> =
        cohort.iter().map(|files| files.iter().map(|code| grams(&code.words)).collect()).collect();
    let template = options.template.map(hashes_of).unwrap_or_default();
    let common = common(&hashes, options.common.unwrap_or((submissions.len() / 4).max(4)));
    for (files, hashes) in cohort.iter_mut().zip(&hashes) {
        for (code, grams) in files.iter_mut().zip(hashes) {
            leave_out(code, grams, |gram| template.contains(&gram), State::Template);
            leave_out(code, grams, |gram| common.contains(&gram), State::Common);
        }
    }
    let mut pairs: Vec<(SimilarPair, Vec<Tile>)> =
        anchors(&cohort, &hashes).into_iter().filter_map(|((a, b), anchors)| pair(&cohort, a, b, &anchors)).collect();
    pairs.sort_by(|(x, _), (y, _)| {
        y.similarity.total_cmp(&x.similarity).then(y.tokens.cmp(&x.tokens)).then((x.a, x.b).cmp(&(y.a, y.b)))
    });
    let usual = median(pairs.iter().map(|(pair, _)| pair.similarity), submissions.len());
    pairs.truncate(options.pairs);
    for (pair, tiles) in &mut pairs {
        pair.places = places(&cohort[pair.a], &cohort[pair.b], tiles);
        pair.places.truncate(options.places);
        if options.excerpts {
            for place in &mut pair.places {
                place.a.excerpt = excerpt(submissions[pair.a].1, &place.a);
                place.b.excerpt = excerpt(submissions[pair.b].1, &place.b);
            }
        }
    }
    let compared = submissions.iter().zip(&cohort).map(|((name, _), files)| ComparedSubmission {
        name: (*name).to_owned(),
        files: files.len(),
        tokens: files.iter().map(|code| code.words.len()).sum(),
        template: files.iter().map(|code| code.count(State::Template)).sum(),
        common: files.iter().map(|code| code.count(State::Common)).sum(),
    });
    Ok(Similarity {
        schema: SIMILARITY_SCHEMA.to_owned(),
        submissions: compared.collect(),
        pairs: pairs.into_iter().map(|(pair, _)| pair).collect(),
        usual,
    })
}

fn bounded(given: usize) -> Result<(), SimilarityError> {
    if given > MOST { Err(SimilarityError::TooMany { given }) } else { Ok(()) }
}

fn hashes_of(tree: &Snapshot) -> HashSet<u64> {
    source::read(tree).iter().flat_map(|code| grams(&code.words)).flatten().collect()
}

/// The runs that more than `at_most` submissions have.
fn common(hashes: &[Vec<Vec<Option<u64>>>], at_most: usize) -> HashSet<u64> {
    let mut seen: HashMap<u64, (usize, usize)> = HashMap::new();
    for (index, files) in hashes.iter().enumerate() {
        for gram in files.iter().flatten().flatten() {
            let (submissions, last) = seen.entry(*gram).or_insert((0, usize::MAX));
            if *last != index {
                *last = index;
                *submissions += 1;
            }
        }
    }
    seen.into_iter().filter(|(_, (submissions, _))| *submissions > at_most).map(|(gram, _)| gram).collect()
}

/// For each two submissions the places of every fingerprint that both have.
fn anchors(cohort: &[Vec<Code>], hashes: &[Vec<Vec<Option<u64>>>]) -> BTreeMap<(usize, usize), Vec<(Spot, Spot)>> {
    let mut index: HashMap<u64, Vec<(usize, Spot)>> = HashMap::new();
    for (submission, (files, hashes)) in cohort.iter().zip(hashes).enumerate() {
        for (file, (code, grams)) in files.iter().zip(hashes).enumerate() {
            for (hash, at) in winnow(code, grams) {
                let places = index.entry(hash).or_default();
                if places.iter().rev().take_while(|(of, _)| *of == submission).count() < PLACES {
                    places.push((submission, (file, at)));
                }
            }
        }
    }
    let mut anchors: BTreeMap<(usize, usize), Vec<(Spot, Spot)>> = BTreeMap::new();
    for places in index.values() {
        for (nth, (a, at_a)) in places.iter().enumerate() {
            for (b, at_b) in places[nth + 1..].iter().filter(|(b, _)| b != a) {
                anchors.entry((*a, *b)).or_default().push((*at_a, *at_b));
            }
        }
    }
    // A hash map has no order; the result must.
    anchors.values_mut().for_each(|anchors| anchors.sort_unstable());
    anchors
}

fn pair(cohort: &[Vec<Code>], a: usize, b: usize, anchors: &[(Spot, Spot)]) -> Option<(SimilarPair, Vec<Tile>)> {
    let tiles = tile::tiles(&cohort[a], &cohort[b], anchors);
    let tokens: usize = tiles.iter().map(|tile| tile.length).sum();
    if tokens == 0 {
        return None;
    }
    let share = |files: &[Code]| {
        let own: usize = files.iter().map(|code| code.count(State::Own)).sum();
        // Every tile's tokens are own ones, so there are some.
        round(tokens as f64 / own.max(1) as f64)
    };
    let (share_a, share_b) = (share(&cohort[a]), share(&cohort[b]));
    Some((SimilarPair { a, b, similarity: share_a.max(share_b), share_a, share_b, tokens, places: Vec::new() }, tiles))
}

/// The tiles as passages; those that follow each other in both files are one.
fn places(a: &[Code], b: &[Code], tiles: &[Tile]) -> Vec<SimilarPlace> {
    struct Run {
        files: (usize, usize),
        a: (u32, u32),
        b: (u32, u32),
        tokens: usize,
        names: usize,
        same: usize,
    }
    let mut in_order = tiles.to_vec();
    in_order.sort_by_key(|tile| (tile.a.0, tile.b.0, tile.a.1));
    let mut runs: Vec<Run> = Vec::new();
    for tile in &in_order {
        let (code_a, code_b) = (&a[tile.a.0], &b[tile.b.0]);
        let lines = |code: &Code, at: usize| (code.lines[at], code.lines[at + tile.length - 1]);
        let (lines_a, lines_b) = (lines(code_a, tile.a.1), lines(code_b, tile.b.1));
        let (mut names, mut same) = (0, 0);
        for at in (0..tile.length).filter(|at| code_a.is_name(tile.a.1 + at)) {
            names += 1;
            same += usize::from(code_a.texts[tile.a.1 + at] == code_b.texts[tile.b.1 + at]);
        }
        match runs.last_mut() {
            Some(run) if run.files == (tile.a.0, tile.b.0) && follows(run.a, lines_a) && follows(run.b, lines_b) => {
                run.a.1 = run.a.1.max(lines_a.1);
                run.b.1 = run.b.1.max(lines_b.1);
                run.tokens += tile.length;
                run.names += names;
                run.same += same;
            }
            _ => {
                runs.push(Run { files: (tile.a.0, tile.b.0), a: lines_a, b: lines_b, tokens: tile.length, names, same })
            }
        }
    }
    runs.sort_by_key(|run| (std::cmp::Reverse(run.tokens), run.files, run.a));
    let passage = |path: &str, (first_line, last_line): (u32, u32)| Passage {
        path: path.to_owned(),
        first_line,
        last_line,
        excerpt: String::new(),
    };
    runs.into_iter()
        .map(|run| SimilarPlace {
            a: passage(&a[run.files.0].path, run.a),
            b: passage(&b[run.files.1].path, run.b),
            tokens: run.tokens,
            same_names: if run.names == 0 { 1.0 } else { round(run.same as f64 / run.names as f64) },
        })
        .collect()
}

/// Whether lines begin within a gap after the end of others.
fn follows(before: (u32, u32), after: (u32, u32)) -> bool {
    after.0 >= before.0 && after.0 <= before.1.saturating_add(GAP)
}

fn excerpt(reading: &Reading, passage: &Passage) -> String {
    let text = reading.text(&passage.path).unwrap_or_default();
    let first = usize::try_from(passage.first_line).unwrap_or(1).saturating_sub(1);
    let count = usize::try_from(passage.last_line).unwrap_or(1).saturating_sub(first);
    let lines = text.lines().skip(first).take(count).collect::<Vec<_>>().join("\n");
    match lines.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{}…", &lines[..at]),
        None => lines,
    }
}

/// The median over all pairs of `submissions`, of which those not given share nothing; `descending` is what they are.
fn median(descending: impl Iterator<Item = f64>, submissions: usize) -> f64 {
    let all = submissions * submissions.saturating_sub(1) / 2;
    let shared: Vec<f64> = descending.collect();
    let at = |position: usize| shared.get(position).copied().unwrap_or(0.0);
    match all {
        0 => 0.0,
        _ if all % 2 == 1 => at(all / 2),
        _ => round((at(all / 2 - 1) + at(all / 2)) / 2.0),
    }
}

fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_pairs_that_share_nothing() {
        assert_eq!(median([0.9].into_iter(), 2), 0.9);
        assert_eq!(median([0.9].into_iter(), 3), 0.0);
        assert_eq!(median([0.9, 0.5, 0.1].into_iter(), 3), 0.5);
        assert_eq!(median([0.9, 0.5, 0.4].into_iter(), 4), 0.2);
        assert_eq!(median(std::iter::empty(), 0), 0.0);
    }

    #[test]
    fn too_many_are_refused() {
        let tree = Snapshot::default();
        let many = vec![Submission { name: "a", tree: &tree }; MOST + 1];
        assert_eq!(compare(&many, &Options::default()), Err(SimilarityError::TooMany { given: MOST + 1 }));
    }
}
