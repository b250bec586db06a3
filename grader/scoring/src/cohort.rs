//! A cohort's scores as a distribution, and where one score stands in it.
//!
//! For people who read many results; no point is given or taken by it.

use serde::Serialize;

/// How the scores of a cohort lie. All scores are percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    pub count: usize,
    pub mean: f64,
    /// The standard deviation of the whole cohort; 0 for one score.
    pub deviation: f64,
    pub lowest: f64,
    /// The first quartile, as [`quantile`] takes it.
    pub lower: f64,
    pub median: f64,
    /// The third quartile.
    pub upper: f64,
    pub highest: f64,
    /// How many lie in 0 to under 10, in 10 to under 20, and so on; 100 is in the last.
    pub tens: [usize; 10],
}

/// The distribution of `scores`, percent in any order; `None` without any. What is no number is left out.
pub fn distribution(scores: &[f64]) -> Option<Distribution> {
    let mut sorted: Vec<f64> = scores.iter().copied().filter(|score| score.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / count;
    let mut tens = [0; 10];
    for score in &sorted {
        // Out of range only where a report says nonsense; it still counts somewhere.
        tens[((score / 10.0).floor().clamp(0.0, 9.0)) as usize] += 1;
    }
    Some(Distribution {
        count: sorted.len(),
        mean: round(mean),
        deviation: round(variance.sqrt()),
        lowest: round(lowest),
        lower: round(quantile(&sorted, 0.25)),
        median: round(quantile(&sorted, 0.5)),
        upper: round(quantile(&sorted, 0.75)),
        highest: round(highest),
        tens,
    })
}

/// The percentile rank of `score`, 0 to 100: the percent of `scores` that lie below it, of equals half (so that the only
/// one of a cohort stands at 50). 50 without any scores. Equals are told after rounding to two decimals, as scores are.
pub fn percentile(scores: &[f64], score: f64) -> f64 {
    let score = round(score);
    let (mut below, mut equal, mut all) = (0_usize, 0_usize, 0_usize);
    for other in scores.iter().copied().filter(|other| other.is_finite()).map(round) {
        all += 1;
        below += usize::from(other < score);
        equal += usize::from(other == score);
    }
    if all == 0 { 50.0 } else { round((below as f64 + equal as f64 / 2.0) * 100.0 / all as f64) }
}

/// The quantile at `share` (0 to 1) of ascending values, between neighbours by their distance (Hyndman and Fan's
/// definition 7, which spreadsheets and most libraries take).
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let position = share * (ascending.len().saturating_sub(1)) as f64;
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    match (ascending.get(low), ascending.get(high)) {
        (Some(low), Some(high)) => low + (high - low) * position.fract(),
        _ => 0.0,
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_is_summed_up() {
        let found = distribution(&[40.0, 90.0, 60.0, 100.0, 85.5, f64::NAN]).expect("scores");
        assert_eq!(
            found,
            Distribution {
                count: 5,
                mean: 75.1,
                deviation: 21.96,
                lowest: 40.0,
                lower: 60.0,
                median: 85.5,
                upper: 90.0,
                highest: 100.0,
                tens: [0, 0, 0, 0, 1, 0, 1, 0, 1, 2],
            }
        );
        assert_eq!(distribution(&[]), None);
        let one = distribution(&[12.34]).expect("a score");
        assert_eq!((one.lower, one.median, one.upper, one.deviation), (12.34, 12.34, 12.34, 0.0));
        let even = distribution(&[10.0, 20.0, 30.0, 40.0]).expect("scores");
        assert_eq!((even.lower, even.median, even.upper), (17.5, 25.0, 32.5));
    }

    #[test]
    fn a_percentile_counts_equals_half() {
        let scores = [10.0, 20.0, 20.0, 30.0];
        for (score, rank) in [(5.0, 0.0), (10.0, 12.5), (20.0, 50.0), (30.0, 87.5), (31.0, 100.0)] {
            assert_eq!(percentile(&scores, score), rank, "{score}");
        }
        assert_eq!(percentile(&[70.0], 70.0), 50.0);
        assert_eq!(percentile(&[], 70.0), 50.0);
    }
}
