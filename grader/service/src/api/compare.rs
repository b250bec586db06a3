//! Two runs side by side: points won and lost, verdicts that changed.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use grader_model::{ProbeReport, Report};
use grader_store::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reports::shown;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Params, Problem};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(compare))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// A run's id.
    left: String,
    /// Another's.
    right: String,
}

/// Two runs held against each other.
#[derive(Serialize, ToSchema)]
struct Comparison {
    left: String,
    right: String,
    /// Percent, right less left.
    percent: f64,
    /// Whether both are graded by the same version of the same assessment; points cannot be compared otherwise.
    same_spec: bool,
    /// Whether both are of the same tree.
    same_tree: bool,
    /// Every probe whose verdict or points differ, in the order of the right one's report.
    changed: Vec<Change>,
}

/// A probe that differs.
#[derive(Serialize, ToSchema)]
struct Change {
    probe: String,
    criterion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<Side>,
    /// Points inside the criterion, right less left.
    points: f64,
}

/// What one run says of a probe.
#[derive(Serialize, ToSchema)]
struct Side {
    verdict: String,
    earned: f64,
    summary: String,
}

impl Side {
    fn of(probe: &ProbeReport) -> Self {
        Side { verdict: probe.verdict.to_string(), earned: probe.earned, summary: probe.summary.clone() }
    }
}

/// Compares two finished runs, with every override on them
#[utoipa::path(get, path = "/comparisons", tag = "runs", params(Query),
    responses((status = 200, body = Comparison), (status = 404, body = Problem)))]
async fn compare(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
) -> Result<Json<Comparison>, Problem> {
    principal.need(Scope::Read)?;
    let (left, first) = shown(&app, &principal, &query.left).await?;
    let (right, second) = shown(&app, &principal, &query.right).await?;
    Ok(Json(Comparison {
        left: left.id,
        right: right.id,
        percent: second.score.percent - first.score.percent,
        same_spec: first.spec.digest == second.spec.digest && first.spec.level == second.spec.level,
        same_tree: !first.submission.tree.is_empty() && first.submission.tree == second.submission.tree,
        changed: changes(&first, &second),
    }))
}

fn changes(left: &Report, right: &Report) -> Vec<Change> {
    let probes = |report: &Report| -> Vec<(String, ProbeReport)> {
        let of = |criterion: &grader_model::CriterionReport| {
            let id = criterion.id.clone();
            criterion.probes.clone().into_iter().map(move |probe| (id.clone(), probe)).collect::<Vec<_>>()
        };
        report.criteria.iter().flat_map(of).collect()
    };
    let mut before: BTreeMap<String, (String, ProbeReport)> =
        probes(left).into_iter().map(|(criterion, probe)| (probe.id.clone(), (criterion, probe))).collect();
    let mut all = Vec::new();
    for (criterion, probe) in probes(right) {
        let old = before.remove(&probe.id).map(|(_, old)| old);
        let same = old.as_ref().is_some_and(|old| (old.verdict, old.earned) == (probe.verdict, probe.earned));
        if !same {
            all.push(Change {
                points: probe.earned - old.as_ref().map_or(0.0, |old| old.earned),
                left: old.as_ref().map(Side::of),
                right: Some(Side::of(&probe)),
                probe: probe.id,
                criterion,
            });
        }
    }
    all.extend(before.into_values().map(|(criterion, old)| Change {
        points: -old.earned,
        left: Some(Side::of(&old)),
        right: None,
        probe: old.id,
        criterion,
    }));
    all
}
