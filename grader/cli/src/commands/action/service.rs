//! Grading by a service that holds the hidden part: the job proves itself by its own token and waits for its run.

use grader_github::Secret;
use grader_github::action::{Answer, Asked, Outcome, Remote, RemoteError, Stop};
use grader_github::escape::{command_data, log_line};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{Step, Trouble};
use crate::exit::Exit;

/// Has the service grade the head, and leaves what it says.
pub(super) async fn run(step: &Step, server: &Url, (place, bearer): (String, Secret)) -> Result<Exit, Trouble> {
    let remote = Remote::new(server).map_err(Trouble::ours)?;
    let token = remote.token(&place, &bearer).await.map_err(Trouble::ours)?;
    mask(&token);
    let asked = Asked { head: step.trigger.head().to_owned() };
    let answer = match remote.ask(&token, &asked).await {
        Ok(answer) => answer,
        Err(RemoteError::Superseded) => return superseded(step),
        Err(error @ RemoteError::Refused { .. }) => return Err(Trouble::usage(error)),
        Err(error) => return Err(Trouble::ours(error)),
    };
    mask(&Secret::new(answer.key.clone()));
    if let Some(url) = &answer.run_url {
        println!("{}", log_line(&format!("run {} ({url})", answer.run)));
    }
    tokio::select! {
        stop = wait(step, &remote, &answer) => stop,
        () = asked_to_stop() => {
            // Best effort: a service that is not told ends the run by itself at the next push.
            if let Err(error) = remote.cancel(&answer).await {
                println!("{}", log_line(&error.to_string()));
            }
            Ok(Exit::Interrupted)
        }
    }
}

async fn wait(step: &Step, remote: &Remote, answer: &Answer) -> Result<Exit, Trouble> {
    match remote.wait(answer, step.inputs.timeout, |word| println!("{word}")).await.map_err(Trouble::ours)? {
        Stop::Finished(view) => step.view(&view, answer.run_url.as_ref()),
        Stop::Superseded => superseded(step),
        Stop::Lost => {
            step.nothing(Outcome::NotGraded, "the service lost the run by its own doing")?;
            Ok(Exit::NotGraded)
        }
    }
}

fn superseded(step: &Step) -> Result<Exit, Trouble> {
    step.nothing(Outcome::Superseded, "the pull request moved on; its newest commit is graded by a run of its own")?;
    Ok(Exit::Graded)
}

/// Has the runner strike a secret out of every log.
fn mask(secret: &Secret) {
    println!("::add-mask::{}", command_data(secret.expose()));
}

/// A cancelled job is interrupted first and terminated seconds later.
async fn asked_to_stop() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
