//! Grading on the runner itself: the checkout, its public part unless asked for all, and no secret anywhere.

use grader_github::escape::log_line;
use grader_intake::Limits;
use grader_pipeline::{Event, GradeRequest};
use grader_report::CandidateView;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::{Step, Trouble, variable};
use crate::commands::{grade, setup, sweep};
use crate::exit::Exit;
use crate::output::plain;

/// Grades the checkout and leaves what came of it.
pub(super) async fn run(step: &Step) -> Result<Exit, Trouble> {
    let inputs = &step.inputs;
    let workspace = variable("GITHUB_WORKSPACE").ok_or_else(|| Trouble::usage("GITHUB_WORKSPACE is not set"))?;
    let name = inputs.spec.as_deref().ok_or_else(|| Trouble::usage("name an assessment by the input `spec`"))?;
    let spec = setup::spec(name).ok_or_else(|| Trouble::usage("the spec cannot be used; its mistakes stand above"))?;
    let binary = std::env::current_exe().map_err(Trouble::ours)?;
    let cancel = CancellationToken::new();
    grade::watch_for_signals(cancel.clone());
    sweep::in_background();
    let request = GradeRequest {
        source: workspace,
        credentials: None,
        reference: None,
        subdir: inputs.path.clone(),
        level: inputs.level.unwrap_or(spec.spec.level),
        fail_under: inputs.fail_under.or(spec.spec.thresholds.fail_under),
        spec,
        bindings: harness_kit::bind::Overrides::default(),
        public_only: !inputs.all,
        seed: 1,
        keep: false,
        offline: false,
        skip_tests: false,
        fresh: false,
        runtime: None,
        allow_images: Vec::new(),
        build_network: variable("GRADER_BUILD_NETWORK"),
        intake: Limits::default(),
        allow_private: true,
        state: setup::state_folder(),
        binary,
        cancel,
    };
    // Whatever is printed until the word comes, the runner takes for no command: a submission cannot guess the word.
    let word = uuid::Uuid::new_v4().simple().to_string();
    println!("::stop-commands::{word}");
    let (events, received) = unbounded_channel();
    let shown = tokio::spawn(stages(received));
    let graded = grader_pipeline::grade(request, events).await;
    // The view ends with its events; whether it ended well changes nothing.
    let _ = shown.await;
    println!("::{word}::");
    if graded.interrupted {
        return Ok(Exit::Interrupted);
    }
    let commit = &graded.report.submission.commit;
    if step.trigger.pull.is_some() && !commit.is_empty() && commit != step.trigger.head() {
        println!(
            "::notice title=grader::The checkout is not the pull request's head but another commit, such as its merge; \
             check out github.event.pull_request.head.sha to grade what the candidate wrote."
        );
    }
    let view = CandidateView::of(&graded.report).map_err(Trouble::ours)?;
    step.view(&view, None)
}

/// Says which stage a run is in. Probes are not named: some are nobody's business here.
async fn stages(mut events: UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Began { stage, .. } => eprintln!("{}", log_line(&plain(stage.as_str()))),
            Event::Ended { stage, millis } => eprintln!("{} took {:.1} s", stage.as_str(), millis as f64 / 1000.0),
            _ => {}
        }
    }
}
