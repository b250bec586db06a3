//! `grader similar SOURCE…`: how alike the submissions of a cohort are, for a person; starts nothing.

use grader_intake::{ChildCommand, IntakeRequest, Limits, Source};
use grader_model::Snapshot;
use grader_report::render_similarity;
use grader_similarity::{Options, Submission, compare};

use crate::args::SimilarArgs;
use crate::exit::Exit;
use crate::output::{complain, print_each, render_options};

pub(crate) async fn run(args: SimilarArgs) -> Exit {
    let mut trees: Vec<(String, Snapshot)> = Vec::new();
    for source in &args.source {
        let Some(taken) = take(source, args.clone.limits()).await else { return Exit::NotGraded };
        trees.push(taken);
    }
    let template = match &args.template {
        None => None,
        Some(source) => match take(source, args.clone.limits()).await {
            Some((_, tree)) => Some(tree),
            None => return Exit::NotGraded,
        },
    };
    let submissions: Vec<Submission<'_>> = trees.iter().map(|(name, tree)| Submission { name, tree }).collect();
    let options = Options { template: template.as_ref(), common: args.common, pairs: args.pairs, ..Options::default() };
    let similarity = match compare(&submissions, &options) {
        Ok(similarity) => similarity,
        Err(error) => {
            complain(&error, "");
            return Exit::Usage;
        }
    };
    let options = render_options(crate::args::Audience::Reviewer, crate::args::Visibility::All);
    print_each(&args.format, |format| render_similarity(&similarity, format, &options))
}

/// A tree and the name that it is shown with.
async fn take(source: &str, limits: Limits) -> Option<(String, Snapshot)> {
    let taken = async {
        let mut request = IntakeRequest::new(Source::parse(source)?, ChildCommand::current()?);
        request.limits = limits;
        grader_intake::take(request).await
    };
    match taken.await {
        Ok(intake) => Some((intake.source_display, intake.snapshot)),
        Err(error) => {
            complain(&error, &error.hint());
            None
        }
    }
}
