//! `grader action`: the step of a GitHub workflow that `action.yml` describes. Inputs, event and the files for outputs come
//! from the runner's environment.
//!
//! What it says and leaves is made by `grader-github` from the candidate's view; nothing else is printed of a run.

mod here;
mod service;

use std::io::Write as _;
use std::path::PathBuf;

use grader_github::Secret;
use grader_github::action::{Inputs, Outcome, Plan, Publish, Trigger};
use grader_github::escape::{command_data, log_line};
use grader_github::limits::PAYLOAD;
use grader_report::CandidateView;
use url::Url;

use crate::exit::Exit;

/// The step's surroundings.
struct Step {
    inputs: Inputs,
    trigger: Trigger,
    publish: Publish,
}

/// Why the step ends without a report: its words for the log, and how the process ends.
struct Trouble(String, Exit);

impl Trouble {
    fn usage(error: impl std::fmt::Display) -> Self {
        Trouble(error.to_string(), Exit::Usage)
    }

    fn ours(error: impl std::fmt::Display) -> Self {
        Trouble(error.to_string(), Exit::NotGraded)
    }
}

pub(crate) async fn run() -> Exit {
    match step().await {
        Ok(exit) => exit,
        Err(Trouble(words, exit)) => {
            println!("::error title=grader::{}", command_data(&words));
            exit
        }
    }
}

async fn step() -> Result<Exit, Trouble> {
    let step = read()?;
    let token = token();
    match step.trigger.plan(&step.inputs, token.is_some()) {
        Plan::Skip(why) => step.nothing(Outcome::Skipped, why).map(|()| Exit::Graded),
        Plan::Here { instead } => {
            if let Some(why) = instead {
                println!("::warning title=grader::{}", command_data(why));
            }
            here::run(&step).await
        }
        Plan::Service => match (&step.inputs.server, token) {
            (Some(server), Some(token)) => service::run(&step, server, token).await,
            // The plan took both into account.
            _ => Err(Trouble::ours("a service was planned for without its address or a token")),
        },
    }
}

fn read() -> Result<Step, Trouble> {
    let inputs = Inputs::read(variable).map_err(Trouble::usage)?;
    let event = match variable("GITHUB_EVENT_PATH") {
        Some(path) => bounded(&path).map_err(|error| Trouble::usage(format!("{path}: {error}")))?,
        None => {
            return Err(Trouble::usage(
                "GITHUB_EVENT_PATH is not set; this command is for a step of a GitHub workflow",
            ));
        }
    };
    let trigger = Trigger::read(variable, &event).map_err(Trouble::usage)?;
    let temp = variable("RUNNER_TEMP").map_or_else(std::env::temp_dir, PathBuf::from);
    let publish = Publish {
        output: variable("GITHUB_OUTPUT").map(PathBuf::from),
        summary: variable("GITHUB_STEP_SUMMARY").map(PathBuf::from),
        folder: temp.join("grader-report"),
    };
    Ok(Step { inputs, trigger, publish })
}

/// What the runner offers for a job that may ask for a token: where, and the bearer to ask with.
fn token() -> Option<(String, Secret)> {
    let place = variable("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    Some((place, Secret::new(variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?)))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A file of at most a payload's length.
fn bounded(path: &str) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(PAYLOAD as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Step {
    /// Leaves a finished run behind.
    fn view(&self, view: &CandidateView, link: Option<&Url>) -> Result<Exit, Trouble> {
        let mut stdout = std::io::stdout().lock();
        self.publish.view(view, &self.inputs.formats, link, &mut stdout).map_err(Trouble::ours)?;
        writeln!(stdout, "{}", log_line(&grader_github::told::title(view.report()))).map_err(Trouble::ours)?;
        Ok(Exit::of(view.report()))
    }

    /// Leaves word that nothing was graded.
    fn nothing(&self, outcome: Outcome, why: &str) -> Result<(), Trouble> {
        self.publish.nothing(outcome, why, &mut std::io::stdout().lock()).map_err(Trouble::ours)
    }
}
