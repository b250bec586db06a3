//! From a report to what the store keeps of it, and back: summaries, and reviewers' words on it.

use grader_model::{Evidence, Outcome, ProbeReport, Report, ReviewerWord, Snapshot, Verdict, WordState};
use grader_scoring::review;
use grader_similarity::Reading;
use grader_store::{
    ArtefactBody, CarriedOverride, CriterionShare, Finish, NewOverride, Override, OverrideState, Run, Store,
    StoreError, Summary,
};
use sha2::{Digest as _, Sha256};

use super::grade::GradeResult;
use crate::state::App;
use crate::web::Problem;

/// The artefact that holds what was read of a run's sources.
pub(crate) const READING: &str = "reading.json";
/// Bytes of one log that are kept, and how many logs.
const LOG: usize = 1 << 20;
const LOGS: usize = 32;

/// What the store is to keep of a run, with the words on the run before it.
pub(super) fn finish(result: GradeResult, before: &[Override]) -> Result<Finish, serde_json::Error> {
    let report = result.report;
    let text = serde_json::to_string(&report)?;
    let scored = matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart);
    let overrides: Vec<CarriedOverride> = if scored { carried(&report, before) } else { Vec::new() };
    let mut standing = report.clone();
    let mut artefacts: Vec<ArtefactBody> = result.logs.into_iter().take(LOGS).enumerate().map(log).collect();
    artefacts.extend(result.tree.filter(|_| scored).and_then(|tree| reading(&tree)));
    let words = overrides.iter().map(|one| spoken(&one.word, one.state, String::new()));
    review(&mut standing, words.collect());
    Ok(Finish {
        outcome: report.outcome.as_str().to_owned(),
        commit: report.submission.commit.clone(),
        tree: report.submission.tree.clone(),
        graded_percent: scored.then_some(report.score.percent),
        percent: scored.then_some(standing.score.percent),
        passed: standing.score.passed,
        summary: summary(&standing),
        report: text,
        artefacts,
        overrides,
    })
}

/// The sources of a graded tree as they are compared, so that a cohort is without its repositories. The worker reads them:
/// the service touches nothing that a submission wrote.
fn reading(tree: &Snapshot) -> Option<ArtefactBody> {
    let reading = Reading::of(tree);
    let kept = || ArtefactBody {
        name: READING.to_owned(),
        media_type: "application/json".to_owned(),
        body: reading.to_json().into_bytes(),
    };
    (!reading.is_empty()).then(kept)
}

/// What lists show of a report.
fn summary(report: &Report) -> Summary {
    Summary {
        earned: report.score.earned,
        possible: report.score.possible,
        criteria: report
            .criteria
            .iter()
            .map(|criterion| CriterionShare {
                id: criterion.id.clone(),
                title: criterion.title.clone(),
                earned: criterion.earned,
                possible: criterion.possible,
            })
            .collect(),
        flags: report.red_flags.iter().map(|flag| flag.id.clone()).collect(),
        matrix: report.matrix.iter().map(|cell| (cell.area.clone(), cell.level)).collect(),
        fault: report.fault.as_ref().map(|fault| fault.code.clone()),
        overridden: report.overrides.iter().filter(|word| word.state == WordState::Applied).count() as u64,
    }
}

/// The report of a run as it stands, with every word on it, as a value.
///
/// # Errors
/// 404 for a run without a report.
pub(crate) async fn rescored(app: &App, run: &Run) -> Result<Report, Problem> {
    let mut report = graded_report(app, &run.id).await?;
    let words = app.store.overrides(&run.id).await?;
    review(&mut report, words_on(&words));
    Ok(report)
}

/// The report of a run as it was graded.
///
/// # Errors
/// 404 for a run without a report.
pub(crate) async fn graded_report(app: &App, run: &str) -> Result<Report, Problem> {
    serde_json::from_str(&app.store.report(run).await?).map_err(|error| {
        tracing::error!(run, %error, "a stored report cannot be read");
        Problem::internal()
    })
}

/// The report as it stands, as JSON.
pub(super) async fn current_report(app: &App, run: &Run) -> Result<String, Problem> {
    serde_json::to_string(&rescored(app, run).await?).map_err(|_| Problem::internal())
}

/// The words that a report shows.
pub(crate) fn words_on(words: &[Override]) -> Vec<ReviewerWord> {
    let standing = words.iter().filter(|word| word.state != OverrideState::Withdrawn);
    standing.map(|word| spoken(&NewOverride::from(word), word.state, word.created_at.to_string())).collect()
}

/// Counts the words on a run anew and writes the score as it stands. Tried again when somebody speaks meanwhile.
///
/// # Errors
/// 412 when it is changed again and again.
pub(crate) async fn rescore(app: &App, run: &str) -> Result<(), Problem> {
    for _ in 0..5 {
        let run = app.store.run(run).await?;
        let report = rescored(app, &run).await?;
        let scored = matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart);
        let percent = scored.then_some(report.score.percent);
        match app.store.rescore(&run.id, run.version, percent, report.score.passed, &summary(&report)).await {
            Err(StoreError::Changed(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(Problem::changed("Others override the same run at this moment; try again."))
}

/// The words on the run before, each stale where its evidence is not the same any more.
fn carried(report: &Report, before: &[Override]) -> Vec<CarriedOverride> {
    let standing = before.iter().filter(|word| word.state != OverrideState::Withdrawn);
    standing
        .filter_map(|word| {
            let probe = probe(report, &word.probe)?;
            let same = word.state == OverrideState::Active && evidence(probe) == word.evidence;
            Some(CarriedOverride {
                from: word.id.clone(),
                word: word.into(),
                state: if same { OverrideState::Active } else { OverrideState::Stale },
            })
        })
        .collect()
}

/// A probe of a report.
pub(crate) fn probe<'a>(report: &'a Report, id: &str) -> Option<&'a ProbeReport> {
    report.criteria.iter().flat_map(|criterion| &criterion.probes).find(|probe| probe.id == id)
}

/// The digest of what a probe saw, without times and numbers that differ from run to run.
pub(crate) fn evidence(probe: &ProbeReport) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    };
    for text in [probe.verdict.as_str(), probe.blocked_by.as_deref().unwrap_or_default()] {
        add(text);
    }
    for text in [&probe.summary, &probe.expected, &probe.actual] {
        add(text);
    }
    for evidence in &probe.evidence {
        match evidence {
            Evidence::Exchange(exchange) => {
                add(&exchange.request.method);
                add(&exchange.request.target);
                add(&exchange.response.status.to_string());
            }
            Evidence::Sql { query, .. } => add(query),
            Evidence::File { path, excerpt, .. } => {
                add(path);
                add(excerpt);
            }
            Evidence::Log { service, .. } => add(service),
            Evidence::Note { .. } => add("note"),
        }
    }
    format!("{:x}", digest.finalize())
}

fn spoken(word: &NewOverride, state: OverrideState, at: String) -> ReviewerWord {
    ReviewerWord {
        probe: word.probe.clone(),
        // The API took it as a verdict.
        verdict: verdict(&word.verdict).unwrap_or(Verdict::Inconclusive),
        points: word.points,
        reason: word.reason.clone(),
        author: word.author.clone(),
        at,
        state: if state == OverrideState::Active { WordState::Applied } else { WordState::Stale },
        graded_verdict: Verdict::Inconclusive,
        graded_earned: 0.0,
    }
}

/// A verdict by its name.
pub(crate) fn verdict(name: &str) -> Option<Verdict> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

/// The last of a service's log, whole lines.
fn log((number, (service, lines)): (usize, (String, Vec<String>))) -> ArtefactBody {
    let mut kept: Vec<&str> = Vec::new();
    let mut size = 0;
    for line in lines.iter().rev() {
        size += line.len() + 1;
        if size > LOG {
            break;
        }
        kept.push(line);
    }
    kept.reverse();
    let name: String = service
        .chars()
        .take(100)
        .map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' })
        .collect();
    ArtefactBody {
        // Two names may become one here; the number keeps them apart.
        name: format!("logs/{number:02}-{name}.log"),
        media_type: "text/plain; charset=utf-8".to_owned(),
        body: kept.iter().flat_map(|line| [line.as_bytes(), b"\n"]).flatten().copied().collect(),
    }
}

/// The words on the run before this one.
pub(super) async fn words_before(store: &Store, run: &Run) -> Result<Vec<Override>, StoreError> {
    store.overrides_before(&run.submission, run.number).await
}
