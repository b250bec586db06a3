//! Expected against seen, verdict by verdict. Pure: it is handed the runs.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::truth::OTHERS;

/// One grading: how long it took, and its verdicts or why there are none.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) read: Result<Verdicts, String>,
}

/// What a report says, as far as accuracy is concerned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdicts {
    pub(crate) of: BTreeMap<String, String>,
    pub(crate) percent: Option<f64>,
    /// The whole report but for its times.
    pub(crate) timeless: serde_json::Value,
}

impl Verdicts {
    /// Reads `report.json`.
    ///
    /// # Errors
    /// A sentence when the text is no report or holds no probe.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let report: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("report.json: {error}"))?;
        let mut of = BTreeMap::new();
        for criterion in report["criteria"].as_array().into_iter().flatten() {
            for probe in criterion["probes"].as_array().into_iter().flatten() {
                if let (Some(id), Some(verdict)) = (probe["id"].as_str(), probe["verdict"].as_str()) {
                    of.insert(id.to_owned(), verdict.to_owned());
                }
            }
        }
        if of.is_empty() {
            return Err(format!("the report holds no verdict; outcome {}", report["outcome"]));
        }
        let percent = report["score"]["percent"].as_f64();
        Ok(Self { of, percent, timeless: timeless(report) })
    }
}

/// A report without its times, and without the source: every round grades the same tree from a folder of its own.
fn timeless(mut report: serde_json::Value) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.retain(|name, _| !matches!(name.as_str(), "millis" | "timings"));
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut report);
    if let Some(submission) = report.get_mut("submission").and_then(serde_json::Value::as_object_mut) {
        submission.remove("source");
    }
    report
}

/// Where two documents first differ, as a JSON pointer with both values; `None` when they are the same.
fn difference(one: &serde_json::Value, other: &serde_json::Value, at: &str) -> Option<String> {
    use serde_json::Value;
    match (one, other) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(name, value)| difference(value, &b[name], &format!("{at}/{name}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| difference(a, b, &format!("{at}/{i}")))
        }
        _ if one == other => None,
        _ => {
            let (one, other) = (one.to_string(), other.to_string());
            // A little of what is the same before, for the place.
            let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count().saturating_sub(40);
            let short = |text: &str| text.chars().skip(same).take(160).collect::<String>();
            Some(format!("{at}: {} / {}", short(&one), short(&other)))
        }
    }
}

/// A probe whose verdict is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Miss {
    pub(crate) probe: String,
    /// `None` when the truth does not know the probe.
    pub(crate) expected: Option<String>,
    /// `None` when the report does not have it.
    pub(crate) seen: Option<String>,
    /// Whether the defect was to change this very probe.
    pub(crate) planted: bool,
}

/// A case with all its rounds judged.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) submission: String,
    pub(crate) defect: Option<String>,
    /// Probe, verdict of the good one, verdict that the defect gives it.
    pub(crate) planted: Vec<(String, String, String)>,
    pub(crate) runs: Vec<Run>,
    /// Of every round that was graded.
    pub(crate) misses: Vec<Vec<Miss>>,
    /// How often (expected, seen) came up over all rounds.
    pub(crate) confusion: BTreeMap<(String, String), u64>,
    /// Probes with more than one verdict over the rounds.
    pub(crate) flips: BTreeSet<String>,
    /// Where a later round's report first differs from the first one's, but for times.
    pub(crate) differs: Option<String>,
}

impl Compared {
    /// Everything as expected, in every round, without a flip.
    pub(crate) fn ok(&self) -> bool {
        self.runs.iter().all(|run| run.read.is_ok())
            && self.misses.iter().all(Vec::is_empty)
            && self.flips.is_empty()
            && self.differs.is_none()
    }

    /// Planted changes that were seen as they were to be, and all that could have been, over every
    /// round; a round that was not graded saw none.
    pub(crate) fn recall(&self) -> (usize, usize) {
        let all = self.planted.len() * self.runs.len();
        let ungraded = self.runs.len() - self.misses.len();
        let missed = self.misses.iter().flatten().filter(|miss| miss.planted).count();
        (all - missed - ungraded * self.planted.len(), all)
    }

    /// Probes that moved though nothing was planted there, over every graded round.
    pub(crate) fn false_alarms(&self) -> usize {
        self.misses.iter().flatten().filter(|miss| !miss.planted).count()
    }
}

/// Judges all rounds of a case.
pub(crate) fn judge(case: &Case, runs: Vec<Run>) -> Compared {
    let expected = |probe: &str| -> Option<String> {
        let found = case.changes.get(probe).or_else(|| case.good.get(probe));
        found.or_else(|| case.good.get(OTHERS)).cloned()
    };
    let mut misses = Vec::new();
    let mut confusion = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    let graded: Vec<&Verdicts> = runs.iter().filter_map(|run| run.read.as_ref().ok()).collect();
    let known: BTreeSet<&String> = case
        .good
        .keys()
        .chain(case.changes.keys())
        .chain(graded.iter().flat_map(|verdicts| verdicts.of.keys()))
        .filter(|probe| *probe != OTHERS)
        .collect();
    for verdicts in &graded {
        let mut missed = Vec::new();
        for probe in &known {
            let was = verdicts.of.get(*probe).cloned();
            let should = expected(probe);
            let name = |verdict: &Option<String>| verdict.clone().unwrap_or_else(|| "absent".into());
            *confusion.entry((name(&should), name(&was))).or_insert(0) += 1;
            seen.entry((*probe).clone()).or_default().insert(was.clone());
            if was != should {
                missed.push(Miss {
                    probe: (*probe).clone(),
                    expected: should,
                    seen: was,
                    planted: case.changes.contains_key(*probe),
                });
            }
        }
        misses.push(missed);
    }
    let good = |probe: &str| {
        let found = case.good.get(probe).or_else(|| case.good.get(OTHERS));
        found.cloned().unwrap_or_else(|| "absent".into())
    };
    let differs = graded
        .split_first()
        .and_then(|(first, later)| later.iter().find_map(|run| difference(&first.timeless, &run.timeless, "")));
    Compared {
        differs,
        submission: case.submission.clone(),
        defect: case.defect.clone(),
        planted: case.changes.iter().map(|(probe, verdict)| (probe.clone(), good(probe), verdict.clone())).collect(),
        misses,
        confusion,
        flips: seen.into_iter().filter(|(_, verdicts)| verdicts.len() > 1).map(|(probe, _)| probe).collect(),
        runs,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::case;

    /// The case `shop/bad`, whose defect turns `a` from pass to fail.
    pub(crate) fn bad() -> Case {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("shop");
        std::fs::create_dir_all(folder.join("defects")).unwrap();
        std::fs::write(folder.join("history.sh"), "").unwrap();
        std::fs::write(folder.join("defects/bad.patch"), "").unwrap();
        let truth = "expect: { '*': pass, c: not_applicable }\ndefects: { bad: { a: fail } }\n";
        std::fs::write(folder.join("truth.yaml"), truth).unwrap();
        case::find(home.path(), "*/bad").unwrap().remove(0)
    }

    /// A run with these verdicts, written `a=pass b=fail`.
    pub(crate) fn run(verdicts: &str) -> Run {
        let of = verdicts.split(' ').map(|pair| {
            let (id, verdict) = pair.split_once('=').unwrap();
            (id.to_owned(), verdict.to_owned())
        });
        Run {
            seconds: 2.0,
            read: Ok(Verdicts { of: of.collect(), percent: Some(90.0), timeless: serde_json::Value::Null }),
        }
    }

    #[test]
    fn reports_are_the_same_but_for_times() {
        let read = |millis: u32, summary: &str| {
            let text = format!(
                r#"{{"timings":{{"total":{millis}}},"submission":{{"source":"{millis}","seed":1}},
                "criteria":[{{"probes":[{{"id":"a","verdict":"fail","millis":{millis},"summary":"{summary}"}}]}}]}}"#
            );
            Run { seconds: 1.0, read: Verdicts::read(&text) }
        };
        assert_eq!(judge(&bad(), vec![read(1, "x"), read(2, "x")]).differs, None);
        let differs = judge(&bad(), vec![read(1, "x"), read(2, "y")]).differs;
        assert_eq!(differs.as_deref(), Some(r#"/criteria/0/probes/0/summary: "x" / "y""#));
    }

    #[test]
    fn a_defect_that_is_seen_and_nothing_else_is_right() {
        let result = judge(&bad(), vec![run("a=fail b=pass c=not_applicable")]);
        assert!(result.ok());
        assert_eq!((result.recall(), result.false_alarms()), ((1, 1), 0));
    }

    #[test]
    fn a_missed_defect_and_a_false_alarm_are_told_apart() {
        let result = judge(&bad(), vec![run("a=pass b=fail c=not_applicable")]);
        assert!(!result.ok());
        assert_eq!((result.recall(), result.false_alarms()), ((0, 1), 1));
        assert_eq!(result.confusion[&("fail".into(), "pass".into())], 1);
    }

    #[test]
    fn an_absent_probe_is_a_miss() {
        let result = judge(&bad(), vec![run("a=fail b=pass")]);
        assert!(!result.ok());
        assert_eq!(result.misses[0][0].probe, "c");
        assert_eq!(result.misses[0][0].seen, None);
    }

    #[test]
    fn a_verdict_that_flips_is_found() {
        let runs = vec![run("a=fail b=pass c=not_applicable"), run("a=fail b=fail c=not_applicable")];
        let result = judge(&bad(), runs);
        assert_eq!(result.flips.iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_run_without_report_finds_nothing_and_is_not_right() {
        let lost = Run { seconds: 1.0, read: Err("exit status: 3".into()) };
        let result = judge(&bad(), vec![lost, run("a=fail b=pass c=not_applicable")]);
        assert!(!result.ok());
        assert_eq!(result.recall(), (1, 2));
    }

    #[test]
    fn verdicts_are_read_from_a_report() {
        let text = r#"{"score":{"percent":98.5},"criteria":[{"probes":[{"id":"a","verdict":"pass"}]}]}"#;
        let verdicts = Verdicts::read(text).unwrap();
        assert_eq!(verdicts.of["a"], "pass");
        assert_eq!(verdicts.percent, Some(98.5));
        assert!(Verdicts::read("{}").is_err());
        assert!(Verdicts::read("").is_err());
    }
}
