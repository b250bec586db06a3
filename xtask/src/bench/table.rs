//! Results as a person reads them and as a program does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::compare::{Compared, Miss};

/// The lines of one case: the defect, what it was to change, what was seen, and what differs.
pub(crate) fn row(result: &Compared) -> Vec<String> {
    let name = result.defect.as_deref().unwrap_or("good");
    let (found, planted) = result.recall();
    let seconds: Vec<String> = result.runs.iter().map(|run| format!("{:.1}", run.seconds)).collect();
    let mut lines = vec![format!(
        "  {:<4} {name:<28} found {found}/{planted}  false alarms {}  {} s{}",
        if result.ok() { "ok" } else { "BAD" },
        result.false_alarms(),
        seconds.join(" "),
        percent(result)
    )];
    for (probe, good, bad) in &result.planted {
        let seen = seen(result, probe);
        lines.push(format!("         {probe}: {good} -> {bad}, seen {seen}"));
    }
    let misses: BTreeSet<&Miss> = result.misses.iter().flatten().filter(|miss| !miss.planted).collect();
    for miss in misses {
        lines.push(format!(
            "       ! {}: expected {}, seen {}",
            miss.probe,
            miss.expected.as_deref().unwrap_or("nothing (the truth does not know it)"),
            miss.seen.as_deref().unwrap_or("nothing (the report does not have it)")
        ));
    }
    for probe in &result.flips {
        lines.push(format!("       ! {probe} flips between rounds"));
    }
    if let Some(place) = &result.differs {
        lines.push(format!("       ! the report differs between rounds, first at {place}"));
    }
    for why in result.runs.iter().filter_map(|run| run.read.as_ref().err()) {
        lines.push(format!("       ! not graded: {why}"));
    }
    lines
}

/// A table per submission, then the sums over all of them.
pub(crate) fn all(results: &[Compared]) -> String {
    let mut text = String::new();
    let mut last = None;
    for result in results {
        if last != Some(&result.submission) {
            // Writing to a String does not fail.
            let _ = writeln!(text, "\n{}", result.submission);
            last = Some(&result.submission);
        }
        for line in row(result) {
            let _ = writeln!(text, "{line}");
        }
    }
    let sums = Sums::of(results);
    let _ = writeln!(text, "\nrecall        {}/{} planted changes", sums.found, sums.planted);
    let _ = writeln!(text, "false alarms  {} of {} verdicts", sums.false_alarms, sums.compared);
    let _ = writeln!(text, "flips         {}", sums.flips);
    let _ = writeln!(text, "not graded    {} of {} runs", sums.ungraded, sums.runs);
    let _ = writeln!(text, "time per run  {:.1} s on average, {:.1} s at most", sums.mean, sums.longest);
    text.push_str(&confusion(&sums.confusion));
    text
}

/// Everything that [`all`] prints, and every verdict behind it.
pub(crate) fn json(results: &[Compared]) -> Value {
    let sums = Sums::of(results);
    let cases: Vec<Value> = results
        .iter()
        .map(|result| {
            let rounds: Vec<Value> = result
                .runs
                .iter()
                .map(|run| match &run.read {
                    Ok(read) => json!({
                        "seconds": run.seconds, "percent": read.percent, "verdicts": read.of,
                    }),
                    Err(why) => json!({ "seconds": run.seconds, "not_graded": why }),
                })
                .collect();
            let misses: BTreeSet<&Miss> = result.misses.iter().flatten().collect();
            let misses: Vec<Value> = misses
                .into_iter()
                .map(|miss| {
                    json!({
                        "probe": miss.probe, "expected": miss.expected, "seen": miss.seen,
                        "planted": miss.planted,
                    })
                })
                .collect();
            let planted: BTreeMap<&String, &String> =
                result.planted.iter().map(|(probe, _, bad)| (probe, bad)).collect();
            json!({
                "submission": result.submission, "defect": result.defect, "ok": result.ok(),
                "planted": planted, "misses": misses, "flips": result.flips, "rounds": rounds,
            })
        })
        .collect();
    let confusion: Vec<Value> = sums
        .confusion
        .iter()
        .map(|((expected, seen), count)| json!({ "expected": expected, "seen": seen, "count": count }))
        .collect();
    json!({
        "recall": { "found": sums.found, "planted": sums.planted },
        "false_alarms": sums.false_alarms, "verdicts": sums.compared, "flips": sums.flips,
        "runs": sums.runs, "not_graded": sums.ungraded,
        "seconds": { "mean": sums.mean, "longest": sums.longest },
        "confusion": confusion, "cases": cases,
    })
}

#[derive(Default)]
struct Sums {
    found: usize,
    planted: usize,
    false_alarms: usize,
    compared: u64,
    flips: usize,
    runs: usize,
    ungraded: usize,
    mean: f64,
    longest: f64,
    confusion: BTreeMap<(String, String), u64>,
}

impl Sums {
    fn of(results: &[Compared]) -> Self {
        let mut sums = Self::default();
        let mut total = 0.0;
        for result in results {
            let (found, planted) = result.recall();
            sums.found += found;
            sums.planted += planted;
            sums.false_alarms += result.false_alarms();
            sums.flips += result.flips.len();
            sums.runs += result.runs.len();
            sums.ungraded += result.runs.len() - result.misses.len();
            for (pair, count) in &result.confusion {
                *sums.confusion.entry(pair.clone()).or_default() += count;
                sums.compared += count;
            }
            for run in &result.runs {
                total += run.seconds;
                sums.longest = f64::max(sums.longest, run.seconds);
            }
        }
        // A count of runs is far below where an f64 loses a unit.
        sums.mean = total / (sums.runs.max(1) as f64);
        sums
    }
}

fn percent(result: &Compared) -> String {
    let scores: Vec<String> = result
        .runs
        .iter()
        .filter_map(|run| run.read.as_ref().ok()?.percent)
        .map(|percent| format!("{percent:.1}"))
        .collect();
    if scores.is_empty() { String::new() } else { format!("  {} %", scores.join(" ")) }
}

fn seen(result: &Compared, probe: &str) -> String {
    let verdicts: BTreeSet<&str> = result
        .runs
        .iter()
        .filter_map(|run| run.read.as_ref().ok())
        .map(|read| read.of.get(probe).map_or("nothing", String::as_str))
        .collect();
    if verdicts.is_empty() {
        return "nothing".to_owned();
    }
    verdicts.into_iter().collect::<Vec<_>>().join(" and ")
}

fn confusion(counts: &BTreeMap<(String, String), u64>) -> String {
    let seen: BTreeSet<&String> = counts.keys().map(|(_, seen)| seen).collect();
    let mut text = format!("\n{:<24}", "expected \\ seen");
    for verdict in &seen {
        let _ = write!(text, "{verdict:>16}");
    }
    text.push('\n');
    let expected: BTreeSet<&String> = counts.keys().map(|(expected, _)| expected).collect();
    for row in expected {
        let _ = write!(text, "{row:<24}");
        for column in &seen {
            let count = counts.get(&(row.clone(), (*column).clone())).copied().unwrap_or(0);
            let _ = write!(text, "{count:>16}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::{
        judge,
        tests::{bad, run},
    };

    #[test]
    fn a_table_shows_what_was_planted_and_what_was_seen() {
        let results = [
            judge(&bad(), vec![run("a=fail b=pass c=not_applicable")]),
            judge(&bad(), vec![run("a=pass b=fail c=not_applicable")]),
        ];
        let text = all(&results);
        assert!(text.contains("a: pass -> fail, seen fail\n"), "{text}");
        assert!(text.contains("a: pass -> fail, seen pass\n"), "{text}");
        assert!(text.contains("! b: expected pass, seen fail\n"), "{text}");
        assert!(text.contains("recall        1/2 planted changes\n"), "{text}");
        assert!(text.contains("false alarms  1 of 6 verdicts\n"), "{text}");
        let json = json(&results);
        assert_eq!(json["recall"], json!({ "found": 1, "planted": 2 }));
        assert_eq!(json["cases"][1]["misses"][0]["probe"], "a");
        assert_eq!(json["cases"][0]["ok"], true);
    }
}
