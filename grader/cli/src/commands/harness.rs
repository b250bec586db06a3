//! `grader harness`: the process that speaks to the submission, driven by JSON lines on stdin and stdout.

use std::process::ExitCode;

use harness_kit::protocol;

use crate::exit::Exit;

pub(crate) async fn run() -> ExitCode {
    let outcome = protocol::serve(tokio::io::stdin(), tokio::io::stdout(), |start, host| async move {
        let probes = crate::families::live(&start.spec, &start.facts);
        harness_kit::runner::run(start, host, probes).await;
    })
    .await;
    match outcome {
        Ok(()) => Exit::Graded.into(),
        Err(error) => {
            eprintln!("harness: {error}");
            Exit::NotGraded.into()
        }
    }
}
