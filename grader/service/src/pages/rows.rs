//! Runs in the words that lists and pages show.

use std::time::Duration;

use grader_store::{Run, RunState, Timestamp};

use crate::api::HIDDEN;

/// A run as a row of a list.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) run: Run,
    /// The candidate's name, or the repository's; a number where a reviewer is blind.
    pub(super) name: String,
    /// Repository, branch and folder.
    pub(super) place: String,
    /// The state or outcome.
    pub(super) stage: String,
    /// How long it has been waiting or running.
    pub(super) since: String,
    pub(super) score: String,
    /// When it was asked for, to the minute in UTC.
    pub(super) asked: String,
    pub(super) has_report: bool,
}

impl Row {
    /// The row of a run, from which a blind reviewer's hidden names have been taken already.
    pub(super) fn of(run: Run) -> Self {
        let hidden = run.source == HIDDEN;
        let mut place = if hidden { String::new() } else { run.source.clone() };
        for (word, part) in [(" at ", &run.reference), (" in ", &run.subdir)] {
            if let Some(part) = part.as_ref().filter(|_| !hidden) {
                place.push_str(&format!("{word}{part}"));
            }
        }
        let began = if run.state == RunState::Running { run.started_at } else { None };
        Row {
            name: name(&run, hidden),
            place,
            stage: stage(&run),
            since: span(Timestamp::now().since(began.unwrap_or(run.queued_at))),
            score: percent(run.percent),
            asked: minute(run.queued_at),
            has_report: run.state == RunState::Finished,
            run,
        }
    }

    pub(super) fn all(runs: Vec<Run>) -> Vec<Self> {
        runs.into_iter().map(Row::of).collect()
    }
}

fn name(run: &Run, hidden: bool) -> String {
    if hidden {
        // The end of an id is random and says nothing of when it was made.
        let end = run.submission.get(run.submission.len().saturating_sub(6)..).unwrap_or_default();
        return format!("Submission {end}");
    }
    run.candidate_name.clone().unwrap_or_else(|| repository(&run.source))
}

/// The last part of a repository's address.
pub(super) fn repository(source: &str) -> String {
    let trimmed = source.trim_end_matches('/').trim_end_matches(".git");
    let name = trimmed.rsplit(['/', ':']).next().unwrap_or(trimmed);
    if name.is_empty() { source.to_owned() } else { name.to_owned() }
}

/// Where a run is, or how it ended.
pub(super) fn stage(run: &Run) -> String {
    match run.state {
        RunState::Queued => "waiting".to_owned(),
        RunState::Running => "running".to_owned(),
        RunState::Cancelled => "cancelled".to_owned(),
        RunState::Abandoned => "abandoned: every worker that took it was lost".to_owned(),
        RunState::Finished => outcome(run.outcome.as_deref().unwrap_or_default()).to_owned(),
    }
}

/// The outcomes as reports spell them, and in words.
pub(super) const OUTCOMES: [(&str, &str); 4] = [
    ("graded", "graded"),
    ("does_not_start", "does not start"),
    ("refused", "refused by the policy"),
    ("not_graded", "not graded"),
];

pub(super) fn outcome(name: &str) -> &str {
    OUTCOMES.iter().find(|(value, _)| *value == name).map_or(name, |(_, word)| word)
}

/// A score; a dash for none.
pub(super) fn percent(score: Option<f64>) -> String {
    score.map_or("–".to_owned(), |score| format!("{} %", decimal(score)))
}

/// A number with at most two decimals and no idle zeros.
pub(super) fn decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A difference with its sign, and the class of its colour.
pub(super) fn signed(value: f64) -> (String, &'static str) {
    let text = decimal(value);
    match text.as_str() {
        "0" => (text, "quiet"),
        _ if value > 0.0 => (format!("+{text}"), "good"),
        _ => (text, "bad"),
    }
}

/// A moment to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).unwrap_or_default().replace('T', " ")
}

/// A time span in its largest unit, or two.
pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_a_short_name() {
        for (source, name) in [
            ("https://git.example/ada/bookstore.git", "bookstore"),
            ("git@git.example:ada/api", "api"),
            ("https://git.example/", "git.example"),
            ("", ""),
        ] {
            assert_eq!(repository(source), name, "{source}");
        }
    }

    #[test]
    fn figures_are_short() {
        assert_eq!((percent(Some(61.6)), percent(None)), ("61.6 %".to_owned(), "–".to_owned()));
        assert_eq!(signed(-0.001), ("0".to_owned(), "quiet"));
        assert_eq!(signed(2.5), ("+2.5".to_owned(), "good"));
        assert_eq!(span(Duration::from_secs(3725)), "1 h 2 min");
        let at: Timestamp = "2026-03-01T12:34:56.789Z".parse().expect("a time");
        assert_eq!(minute(at), "2026-03-01 12:34");
    }
}
