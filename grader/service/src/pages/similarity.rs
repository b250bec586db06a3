//! How alike the submissions of a cohort are: pairs ranked, the places side by side. For a person; never points.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use grader_model::Similarity;
use grader_report::similarity_fragment;

use super::frame::{Frame, Shown, Visitor, page};
use super::queue::{rows, spec_names};
use super::rows::{Row, repository};
use crate::api::HIDDEN;
use crate::state::App;
use crate::web::Problem;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/cohort/{spec}/similarity", get(read))
}

#[derive(Template)]
#[template(path = "similarity.html")]
struct SimilarityPage {
    frame: Frame,
    spec: String,
    /// How many submissions were compared, and of how many there was nothing to compare.
    compared: usize,
    unread: usize,
    /// HTML of the report's renderer, which escapes; absent where there are no two to compare.
    similarity: Option<String>,
}

async fn read(State(app): State<App>, visitor: Visitor, Path(spec): Path<String>) -> Shown {
    if !spec_names(&app).await?.contains(&spec) {
        return Err(Problem::not_found("assessment").into());
    }
    let reckoned = app.similar.of(&app.store, &spec).await.map_err(broken)?;
    let compared = reckoned.runs.len();
    let named: Vec<String> = rows(&app, &visitor, reckoned.runs).await?.iter().map(name).collect();
    let similarity = if compared < 2 {
        None
    } else {
        let mut similarity = Similarity::clone(&reckoned.similarity);
        for (submission, name) in similarity.submissions.iter_mut().zip(named) {
            submission.name = name;
        }
        Some(similarity_fragment(&similarity).map_err(broken)?)
    };
    let frame = visitor.frame(format!("Similarity within {spec}"));
    page(&SimilarityPage { frame, spec, compared, unread: reckoned.unread, similarity })
}

fn broken(error: impl std::error::Error) -> Problem {
    tracing::error!(%error, "a cohort could not be compared");
    Problem::internal()
}

/// The candidate and the repository, or what a blind reviewer may know.
fn name(row: &Row) -> String {
    match row.run.candidate_name.is_some() && row.run.source != HIDDEN {
        true => format!("{} · {}", row.name, repository(&row.run.source)),
        false => row.name.clone(),
    }
}
