//! The end of a run: its result is written once, by the worker whose attempt still counts, in one transaction with what
//! the cohort adds up to.

use grader_model::Level;
use serde::{Deserialize, Serialize};

use crate::cohort::{Shift, shift_cohort};
use crate::overrides::insert_override;
use crate::pool::transaction;
use crate::reports::pack;
use crate::{Claim, CriterionShare, NewOverride, OverrideState, Store, StoreError, Timestamp, new_id};

/// What lists show of a report, without reading it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub earned: f64,
    pub possible: f64,
    pub criteria: Vec<CriterionShare>,
    /// The ids of the red flags.
    pub flags: Vec<String>,
    /// By area, the level that was shown.
    pub matrix: Vec<(String, Option<Level>)>,
    /// The code of the fault, where one ended the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// How many probes a reviewer's word changes.
    #[serde(default)]
    pub overridden: u64,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Finish {
    pub outcome: String,
    pub commit: String,
    pub tree: String,
    /// `None` where the run has no score.
    pub graded_percent: Option<f64>,
    /// The score with the overrides that were carried over.
    pub percent: Option<f64>,
    pub passed: Option<bool>,
    pub summary: Summary,
    /// The report as JSON.
    pub report: String,
    pub artefacts: Vec<ArtefactBody>,
    pub overrides: Vec<CarriedOverride>,
}

/// An override of an earlier run of the submission, and whether its evidence is still the same.
#[derive(Debug, Clone)]
pub struct CarriedOverride {
    pub from: String,
    pub word: NewOverride,
    pub state: OverrideState,
}

/// A file that a run leaves.
#[derive(Debug, Clone)]
pub struct ArtefactBody {
    pub name: String,
    pub media_type: String,
    pub body: Vec<u8>,
}

/// What is known of a kept file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    pub id: String,
    pub name: String,
    pub media_type: String,
    pub size: i64,
    pub created_at: Timestamp,
}

/// Whether a result was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    Written,
    /// Another worker has the run, or it is over: nothing was written.
    Superseded,
}

/// The id, number, score, outcome and summary of the run that counted so far.
type Counted = (String, i64, Option<f64>, Option<String>, Option<String>);

impl Store {
    /// Writes the result of a run, unless the claim was lost.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then nothing is written, and trying again is safe.
    pub async fn finish(&self, claim: &Claim, result: &Finish) -> Result<Finished, StoreError> {
        let run = &claim.run;
        let now = Timestamp::now();
        let scored = result.percent.is_some();
        let summary = serde_json::to_string(&result.summary)
            .map_err(|error| StoreError::Unreadable { what: "summary", why: error.to_string() })?;
        let report = pack(result.report.as_bytes());
        transaction!(self, |tx| {
            // Two runs of one submission end one after the other.
            sqlx::query("UPDATE submissions SET runs = runs WHERE id = $1")
                .bind(&run.submission)
                .execute(&mut *tx)
                .await?;
            let written = sqlx::query(
                "UPDATE runs SET state = 'finished', finished_at = $3, outcome = $4, commit_id = $5, tree = $6, \
                   graded_percent = $7, percent = $8, passed = $9, summary = $10, lease_until = NULL, \
                   version = version + 1 \
                 WHERE id = $1 AND attempt = $2 AND state = 'running'",
            )
            .bind(&run.id)
            .bind(claim.attempt)
            .bind(now)
            .bind(&result.outcome)
            .bind(&result.commit)
            .bind(&result.tree)
            .bind(result.graded_percent)
            .bind(result.percent)
            .bind(result.passed)
            .bind(&summary)
            .execute(&mut *tx)
            .await?;
            if written.rows_affected() == 0 {
                return Ok(Finished::Superseded);
            }
            sqlx::query("INSERT INTO reports (run_id, body, size) VALUES ($1, $2, $3)")
                .bind(&run.id)
                .bind(&report)
                .bind(i64::try_from(result.report.len()).unwrap_or(i64::MAX))
                .execute(&mut *tx)
                .await?;
            for artefact in &result.artefacts {
                sqlx::query(
                    "INSERT INTO artefacts (id, run_id, name, media_type, size, body, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(new_id())
                .bind(&run.id)
                .bind(&artefact.name)
                .bind(&artefact.media_type)
                .bind(i64::try_from(artefact.body.len()).unwrap_or(i64::MAX))
                .bind(pack(&artefact.body))
                .bind(now)
                .execute(&mut *tx)
                .await?;
            }
            for carried in &result.overrides {
                insert_override!(tx, new_id(), &run.id, &carried.word, carried.state, Some(&carried.from), now);
            }
            if scored {
                // The newest scored run stands for its submission.
                let before: Option<Counted> = sqlx::query_as(
                    "SELECT id, number, percent, outcome, summary FROM runs WHERE submission_id = $1 AND counted",
                )
                .bind(&run.submission)
                .fetch_optional(&mut *tx)
                .await?;
                let newer = before.as_ref().is_none_or(|(_, number, ..)| *number < run.number);
                if newer {
                    let mut shift = Shift::default();
                    if let Some((id, _, percent, outcome, summary)) = before {
                        sqlx::query("UPDATE runs SET counted = $2, version = version + 1 WHERE id = $1")
                            .bind(&id)
                            .bind(false)
                            .execute(&mut *tx)
                            .await?;
                        let summary = summary.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                        shift.add(-1, percent, outcome.as_deref(), &summary);
                    }
                    sqlx::query("UPDATE runs SET counted = $2 WHERE id = $1")
                        .bind(&run.id)
                        .bind(true)
                        .execute(&mut *tx)
                        .await?;
                    shift.add(1, result.percent, Some(&result.outcome), &result.summary);
                    shift_cohort!(tx, &run.spec, shift);
                }
            }
        });
        Ok(Finished::Written)
    }
}
