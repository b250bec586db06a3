//! `grader diff RUN RUN`: what was won, lost and changed between two reports; and, on request, in the code.

use std::path::Path;

use grader_intake::{ChildCommand, IntakeRequest, Limits, Source};
use grader_model::{Report, SCHEMA, Snapshot};
use grader_report::{code_change, compare, render_comparison};

use crate::args::DiffArgs;
use crate::exit::Exit;
use crate::output::{complain, print_each, render_options};

/// Bytes of a report file; a report of a large submission has a few.
const LARGEST: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(args: DiffArgs) -> Exit {
    let (Some(before), Some(after)) = (read(&args.before), read(&args.after)) else { return Exit::Usage };
    let options = render_options(args.audience, crate::args::Visibility::All);
    let mut comparison = match compare(&before, &after, &options) {
        Ok(comparison) => comparison,
        Err(error) => {
            complain(&error, "");
            return Exit::Usage;
        }
    };
    if args.code {
        // The trees are asked for one after another: both may come from one server.
        let (Some(was), Some(is)) = (tree(&before, args.clone.limits()).await, tree(&after, args.clone.limits()).await)
        else {
            return Exit::NotGraded;
        };
        comparison.code = Some(code_change(&was, &is));
    }
    print_each(&args.format, |format| render_comparison(&comparison, format, &options))
}

/// The report at a path: the file itself, or `report.json` in a folder that `--out` filled.
fn read(path: &Path) -> Option<Report> {
    let file = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let text = std::fs::metadata(&file).and_then(|found| {
        if found.len() > LARGEST {
            return Err(std::io::Error::other(format!("{} bytes are more than a report has", found.len())));
        }
        std::fs::read_to_string(&file)
    });
    let report = text.map_err(|error| error.to_string()).and_then(|text| {
        let report: Report = serde_json::from_str(&text).map_err(|error| format!("this is no report: {error}"))?;
        if report.schema == SCHEMA {
            Ok(report)
        } else {
            Err(format!("its schema is `{}`, not `{SCHEMA}`", report.schema))
        }
    });
    match report {
        Ok(report) => Some(report),
        Err(reason) => {
            eprintln!("grader: cannot read the report {}: {}", file.display(), crate::output::plain(&reason));
            eprintln!("  hint: name a report.json, or a folder that `grader grade --out` filled");
            None
        }
    }
}

/// The tree that a report was made of, taken in again.
async fn tree(report: &Report, limits: Limits) -> Option<Snapshot> {
    let submission = &report.submission;
    let taken = async {
        let mut request = IntakeRequest::new(Source::parse(&submission.source)?, ChildCommand::current()?);
        request.reference = (!submission.commit.is_empty()).then(|| submission.commit.clone());
        request.subdir = (!submission.subdir.is_empty()).then(|| submission.subdir.clone());
        request.limits = limits;
        grader_intake::take(request).await
    };
    match taken.await {
        Ok(intake) => {
            if !submission.tree.is_empty() && intake.tree != submission.tree {
                eprintln!("grader: {} is no longer the tree that was graded", crate::output::plain(&submission.source));
            }
            Some(intake.snapshot)
        }
        Err(error) => {
            complain(&error, &error.hint());
            None
        }
    }
}
