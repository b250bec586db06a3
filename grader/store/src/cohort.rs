//! An assessment's cohort: one counted run per submission, in the order of scores, and what they add up to.
//!
//! The sums are kept with every change of a run, in bins of a tenth of a percent, so that the distribution of a hundred
//! thousand runs is a thousand rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use crate::page::{Page, PageRequest};
use crate::pool::reading;
use crate::runs::{RunRow, SELECT, runs};
use crate::{Run, Store, StoreError, Summary};

/// What a run earned of one criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriterionShare {
    pub id: String,
    pub title: String,
    pub earned: f64,
    pub possible: f64,
}

/// What the counted runs of an assessment add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cohort {
    pub runs: i64,
    /// In percent, like everything below; all zero for an empty cohort.
    pub mean: f64,
    pub median: f64,
    pub lower_quartile: f64,
    pub upper_quartile: f64,
    pub lowest: f64,
    pub highest: f64,
    /// How many runs lie in each tenth, 0-10 first; 100 % counts to the last.
    pub tenths: [i64; 10],
    /// The mean share of each criterion in percent, by its id.
    pub criteria: Vec<(String, f64)>,
    /// How many runs have each red flag, most frequent first.
    pub flags: Vec<(String, i64)>,
    /// How many runs ended how.
    pub outcomes: Vec<(String, i64)>,
    /// The filled bins, in tenths of a percent.
    bins: Vec<(u32, i64)>,
}

/// Which of the counted runs, and how they are sorted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CohortFilter {
    pub spec: String,
    /// In percent, inclusive.
    pub lowest: Option<f64>,
    pub highest: Option<f64>,
    /// Worst first, in place of best first.
    pub ascending: bool,
}

/// A run's place in its cohort.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The share of the cohort that scored lower, in percent; a run's equals count half.
    pub percentile: f64,
}

impl Cohort {
    /// Where `percent` stands.
    pub fn standing(&self, percent: f64) -> Standing {
        if self.runs == 0 {
            return Standing { percentile: 0.0 };
        }
        let bin = bin(percent);
        let below: i64 = self.bins.iter().filter(|(other, _)| *other < bin).map(|(_, runs)| runs).sum();
        let equal: i64 = self.bins.iter().filter(|(other, _)| *other == bin).map(|(_, runs)| runs).sum();
        Standing { percentile: 100.0 * (share(below) + share(equal) / 2.0) / share(self.runs) }
    }

    fn of(rows: Vec<(String, String, i64, f64)>) -> Self {
        let mut cohort = Cohort::default();
        for (kind, item, runs, total) in rows.into_iter().filter(|(.., runs, _)| *runs > 0) {
            match kind.as_str() {
                "bin" => {
                    if let Ok(bin) = item.parse::<u32>() {
                        cohort.bins.push((bin, runs));
                        cohort.runs += runs;
                        cohort.mean += total;
                        if let Some(tenth) = cohort.tenths.get_mut((bin as usize / 100).min(9)) {
                            *tenth += runs;
                        }
                    }
                }
                "criterion" => cohort.criteria.push((item, total / share(runs))),
                "flag" => cohort.flags.push((item, runs)),
                _ => cohort.outcomes.push((item, runs)),
            }
        }
        cohort.bins.sort_unstable();
        cohort.flags.sort_by(|(one, runs), (other, more)| more.cmp(runs).then_with(|| one.cmp(other)));
        if cohort.runs > 0 {
            cohort.mean /= share(cohort.runs);
            cohort.median = cohort.quantile(0.5);
            cohort.lower_quartile = cohort.quantile(0.25);
            cohort.upper_quartile = cohort.quantile(0.75);
            cohort.lowest = cohort.bins.first().map_or(0.0, |(bin, _)| f64::from(*bin) / 10.0);
            cohort.highest = cohort.bins.last().map_or(0.0, |(bin, _)| f64::from(*bin) / 10.0);
        }
        cohort
    }

    /// The smallest score that at least `part` of the runs do not exceed, to a tenth of a percent.
    fn quantile(&self, part: f64) -> f64 {
        let wanted = (part * share(self.runs)).max(1.0);
        let mut seen = 0.0;
        for (bin, runs) in &self.bins {
            seen += share(*runs);
            if seen >= wanted {
                return f64::from(*bin) / 10.0;
            }
        }
        0.0
    }
}

/// A change of the sums, by kind and item.
#[derive(Debug, Default)]
pub(crate) struct Shift(pub(crate) BTreeMap<(&'static str, String), (i64, f64)>);

impl Shift {
    /// Adds a run (`sign` 1) or takes it out (-1).
    pub(crate) fn add(&mut self, sign: i64, percent: Option<f64>, outcome: Option<&str>, summary: &Summary) {
        let mut change = |kind, item: String, total: f64| {
            let entry = self.0.entry((kind, item)).or_default();
            entry.0 += sign;
            entry.1 += share(sign) * total;
        };
        if let Some(percent) = percent {
            change("bin", bin(percent).to_string(), percent);
        }
        if let Some(outcome) = outcome {
            change("outcome", outcome.to_owned(), 0.0);
        }
        for criterion in summary.criteria.iter().filter(|criterion| criterion.possible > 0.0) {
            change("criterion", criterion.id.clone(), 100.0 * criterion.earned / criterion.possible);
        }
        for flag in &summary.flags {
            change("flag", flag.clone(), 0.0);
        }
    }
}

/// Writes a shift in the order of its keys, so that two writers never wait for each other in a circle.
macro_rules! shift_cohort {
    ($tx:ident, $spec:expr, $shift:expr) => {
        for ((kind, item), (runs, total)) in &$shift.0 {
            sqlx::query(
                "INSERT INTO cohort_counts (spec, kind, item, runs, total) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (spec, kind, item) \
                 DO UPDATE SET runs = cohort_counts.runs + $4, total = cohort_counts.total + $5",
            )
            .bind($spec)
            .bind(*kind)
            .bind(item.as_str())
            .bind(*runs)
            .bind(*total)
            .execute(&mut *$tx)
            .await?;
        }
    };
}
pub(crate) use shift_cohort;

impl Store {
    /// What the cohort of an assessment adds up to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cohort(&self, spec: &str) -> Result<Cohort, StoreError> {
        let rows: Vec<(String, String, i64, f64)> = reading!(self, |db| {
            sqlx::query_as("SELECT kind, item, runs, total FROM cohort_counts WHERE spec = $1 ORDER BY kind, item")
                .bind(spec)
                .fetch_all(db)
                .await?
        });
        Ok(Cohort::of(rows))
    }

    /// The counted runs of an assessment by score, best first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cohort_runs(&self, filter: &CohortFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        // A place in the list is a score and an id: `87.5~0198…`.
        let after = page.after.as_deref().and_then(|place| place.split_once('~'));
        let after = after.and_then(|(percent, id)| Some((percent.parse::<f64>().ok()?, id)));
        let (order, beyond) = if filter.ascending { ("", ">") } else { ("DESC", "<") };
        let rows: Vec<RunRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE r.counted AND r.spec = ").push_bind(filter.spec.as_str());
            if let Some(lowest) = filter.lowest {
                query.push(" AND r.percent >= ").push_bind(lowest);
            }
            if let Some(highest) = filter.highest {
                query.push(" AND r.percent <= ").push_bind(highest);
            }
            if let Some((percent, id)) = after {
                query.push(format_args!(" AND (r.percent {beyond} ")).push_bind(percent);
                query.push(" OR (r.percent = ").push_bind(percent);
                query.push(" AND r.id > ").push_bind(id).push("))");
            }
            query.push(format_args!(" ORDER BY r.percent {order}, r.id LIMIT ")).push_bind(page.fetch());
            query.build_query_as().fetch_all(db).await?
        });
        Ok(Page::cut(runs(rows)?, page, |run| format!("{}~{}", run.percent.unwrap_or_default(), run.id)))
    }
}

/// The bin of a score: whole tenths of a percent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 1000")]
fn bin(percent: f64) -> u32 {
    (percent * 10.0).round().clamp(0.0, 1000.0) as u32
}

#[expect(clippy::cast_precision_loss, reason = "a count of runs")]
fn share(runs: i64) -> f64 {
    runs as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cohort(scores: &[f64]) -> Cohort {
        let mut shift = Shift::default();
        for score in scores {
            shift.add(1, Some(*score), Some("graded"), &Summary::default());
        }
        Cohort::of(
            shift.0.into_iter().map(|((kind, item), (runs, total))| (kind.to_owned(), item, runs, total)).collect(),
        )
    }

    #[test]
    fn quantiles_are_of_the_runs() {
        let cohort = cohort(&[10.0, 20.0, 30.0, 40.0, 100.0]);
        assert_eq!((cohort.runs, cohort.mean, cohort.median), (5, 40.0, 30.0));
        assert_eq!((cohort.lower_quartile, cohort.upper_quartile), (20.0, 40.0));
        assert_eq!((cohort.lowest, cohort.highest), (10.0, 100.0));
        assert_eq!(cohort.tenths, [0, 1, 1, 1, 1, 0, 0, 0, 0, 1]);
        assert_eq!(cohort.standing(30.0).percentile, 50.0);
        assert_eq!(cohort.standing(100.0).percentile, 90.0);
    }

    #[test]
    fn a_run_taken_out_leaves_nothing() {
        let mut shift = Shift::default();
        let summary = Summary { flags: vec!["leak".into()], ..Summary::default() };
        shift.add(1, Some(71.25), Some("graded"), &summary);
        shift.add(-1, Some(71.25), Some("graded"), &summary);
        assert!(shift.0.values().all(|change| *change == (0, 0.0)));
        assert_eq!(cohort(&[]), Cohort::default());
    }
}
