//! `grader inspect SOURCE`: what would be started and what binding would try first; starts nothing.

use grader_intake::{ChildCommand, IntakeError, IntakeRequest, Source};
use grader_pipeline::{plan, reviewed};
use grader_sandbox::ImageAllowList;

use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::{complain, plain};

pub(crate) async fn run(args: InspectArgs) -> Exit {
    let taken = async {
        let mut request = IntakeRequest::new(Source::parse(&args.source)?, ChildCommand::current()?);
        request.reference = args.reference;
        request.subdir = args.subdir;
        request.limits = args.clone.limits();
        grader_intake::take(request).await
    };
    let intake = match taken.await {
        Ok(intake) => intake,
        Err(error) => {
            let hint = error.hint();
            complain(&error, &hint);
            return match (&error, error.side()) {
                (IntakeError::InvalidSource { .. }, _) => Exit::Usage,
                (_, grader_model::FaultSide::Candidate) => Exit::DoesNotStart,
                _ => Exit::NotGraded,
            };
        }
    };
    let planned = plan(&intake.snapshot).and_then(|plan| {
        let images = args.allow_image.iter().fold(ImageAllowList::default(), |list, pattern| list.and(pattern));
        reviewed(&plan, &intake.snapshot, &images).map(|()| plan)
    });
    let mut notes = intake.notes.clone();
    notes.extend(planned.iter().flat_map(|plan| plan.notes.clone()));
    let environment = planned.as_ref().map(grader_pipeline::environment).unwrap_or_default();
    let facts = harness_repository::facts(&intake.snapshot, &environment);
    if args.json {
        let document = serde_json::json!({
            "source": intake.source_display,
            "commit": intake.commit,
            "tree": intake.tree,
            "compose_file": planned.as_ref().ok().map(|plan| plan.loaded.file.as_str()),
            "services": planned.as_ref().ok().map(|plan| &plan.loaded.project.services),
            "rewrites": planned.as_ref().ok().map(|plan| &plan.rewrites),
            "fault": planned.as_ref().err(),
            "notes": notes,
            "routes": facts.routes,
            "documents": facts.documents.iter().map(|document| &document.place).collect::<Vec<_>>(),
            "migrations": facts.migrations,
        });
        println!("{document:#}");
    } else {
        say(format!("source    {}", intake.source_display));
        say(format!("commit    {}", intake.commit));
        say(format!("files     {}", intake.snapshot.files.len()));
        match &planned {
            Ok(plan) => {
                say(format!("compose   {}", plan.loaded.file));
                for (name, service) in &plan.loaded.project.services {
                    let image = service.image.as_deref().unwrap_or("built from the submission");
                    say(format!("service   {name}: {image}"));
                }
                for rewrite in &plan.rewrites {
                    say(format!("rewrite   {}: {} -> {} ({})", rewrite.path, rewrite.from, rewrite.to, rewrite.why));
                }
            }
            Err(fault) => {
                for fault in std::iter::once(fault.as_ref()).chain(&fault.also) {
                    say(format!("refusal   {fault}"));
                }
            }
        }
        for note in &notes {
            say(format!("note      {}", note.text));
        }
        for document in &facts.documents {
            say(format!("openapi   {}", document.place));
        }
        for route in &facts.routes {
            say(format!("route     {:<7} {} ({})", route.method, route.path, route.place));
        }
    }
    match planned {
        Ok(_) => Exit::Graded,
        Err(fault) => match fault.side {
            grader_model::FaultSide::Candidate => Exit::DoesNotStart,
            grader_model::FaultSide::Policy => Exit::Refused,
            grader_model::FaultSide::Grader | grader_model::FaultSide::Drift => Exit::NotGraded,
        },
    }
}

/// Prints a line that holds text of a submission.
fn say(line: String) {
    println!("{}", plain(&line));
}
