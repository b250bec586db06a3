//! Grading on this machine, for the service's workers: the pipeline behind the service's [`Grade`].

use async_trait::async_trait;
use grader_intake::Credentials;
use grader_model::{Fault, FaultSide, Level, Outcome, Stage, SubmissionRef};
use grader_pipeline::{Event, GradeRequest, Parts, assemble};
use grader_sandbox::{ConnectOptions, Engine};
use grader_service::{Grade, GradeJob, GradeResult};
use harness_kit::bind::Overrides;
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::WorkArgs;
use crate::commands::setup;
use crate::exit::Exit;
use crate::output::complain;

/// The pipeline with what the operator chose.
pub(super) struct Local {
    binary: std::path::PathBuf,
    work: WorkArgs,
}

impl Local {
    pub(super) fn new(work: &WorkArgs) -> Result<Self, Exit> {
        match std::env::current_exe() {
            Ok(binary) => Ok(Local { binary, work: work.clone() }),
            Err(error) => {
                complain(&error, "the running binary has to be readable: it plays the harness as well");
                Err(Exit::NotGraded)
            }
        }
    }

    fn request(&self, job: &GradeJob) -> Result<GradeRequest, String> {
        let bindings: Overrides = match &job.bindings {
            None => Overrides::default(),
            Some(text) => serde_yaml::from_str(text).map_err(|error| error.to_string())?,
        };
        bindings.carrier().map_err(|error| format!("session: {error}"))?;
        let level = match job.level.as_deref() {
            None => job.spec.spec.level,
            Some(name) => level(name).ok_or_else(|| format!("`{name}` is no level"))?,
        };
        Ok(GradeRequest {
            source: job.source.clone(),
            credentials: job
                .key
                .as_ref()
                .map(|key| Credentials { user: key.user.clone(), password: key.secret.reveal().to_owned() }),
            reference: job.reference.clone(),
            subdir: job.subdir.clone(),
            level,
            fail_under: job.spec.spec.thresholds.fail_under,
            spec: job.spec.clone(),
            bindings,
            public_only: false,
            seed: job.seed,
            keep: false,
            offline: self.work.offline,
            skip_tests: false,
            fresh: false,
            runtime: self.work.runtime.clone(),
            allow_images: self.work.allow_image.clone(),
            build_network: self.work.build_network.clone(),
            intake: grader_intake::Limits::default(),
            allow_private: self.work.allow_private_sources,
            state: setup::state_folder(),
            binary: self.binary.clone(),
            cancel: job.cancel.clone(),
        })
    }
}

#[async_trait]
impl Grade for Local {
    async fn grade(&self, job: GradeJob) -> GradeResult {
        let request = match self.request(&job) {
            Ok(request) => request,
            Err(why) => return unusable(&job, why),
        };
        let (events, mut told) = mpsc::unbounded_channel();
        let grading = grader_pipeline::grade(request, events);
        let telling = async {
            while let Some(event) = told.recv().await {
                if let Some(shown) = shown(event) {
                    // Whoever listened is gone: the run goes on without.
                    let _ = job.events.send(shown);
                }
            }
        };
        let (graded, ()) = tokio::join!(grading, telling);
        GradeResult { report: graded.report, logs: graded.logs, tree: graded.tree, interrupted: graded.interrupted }
    }

    async fn ready(&self) -> Result<(), String> {
        Engine::connect(ConnectOptions::default()).await.map(|_| ()).map_err(|error| {
            let fault = error.fault();
            format!("{}: {}", fault.message, fault.hint)
        })
    }
}

fn level(name: &str) -> Option<Level> {
    [Level::Junior, Level::Mid, Level::Senior].into_iter().find(|level| level.to_string() == name)
}

/// An event as live pages read it. What a build prints stays here: it is long, and in no report.
fn shown(event: Event) -> Option<(&'static str, serde_json::Value)> {
    Some(match event {
        Event::Began { stage, what } => ("began", json!({"stage": stage, "what": what})),
        Event::Ended { stage, millis } => ("ended", json!({"stage": stage, "millis": millis})),
        Event::Said(text) => ("said", json!({"text": text})),
        Event::Probing { probe, number, of } => ("probing", json!({"probe": probe, "number": number, "of": of})),
        Event::Decided(finding) => {
            ("decided", json!({"probe": finding.probe, "verdict": finding.verdict, "summary": finding.summary}))
        }
        _ => return None,
    })
}

/// The report of a run that was asked for with bindings or a level that cannot be read.
fn unusable(job: &GradeJob, why: String) -> GradeResult {
    let mut parts = Parts::begin(SubmissionRef {
        source: job.source.clone(),
        commit: String::new(),
        tree: String::new(),
        subdir: job.subdir.clone().unwrap_or_default(),
        seed: job.seed,
    });
    parts.outcome = Outcome::NotGraded;
    parts.fault = Some(Fault::new(FaultSide::Grader, Stage::Inspect, "bindings.invalid", why));
    let report = assemble(&job.spec, job.spec.spec.level, None, parts);
    GradeResult { report, logs: Vec::new(), tree: None, interrupted: false }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[derive(clap::Parser)]
    struct Asked {
        #[command(flatten)]
        work: WorkArgs,
    }

    #[test]
    fn the_address_of_a_source_is_checked_where_it_is_connected_to() {
        let allowed = |arguments: &[&str]| {
            let asked = Asked::parse_from([&["grader"], arguments].concat());
            let local = Local { binary: "grader".into(), work: asked.work };
            let (events, _) = mpsc::unbounded_channel();
            let job = GradeJob {
                run: "run".to_owned(),
                source: "https://git.example/a.git".to_owned(),
                key: None,
                reference: None,
                subdir: None,
                spec: grader_spec::load_named("bookstore").expect("it is built in"),
                level: None,
                bindings: None,
                seed: 1,
                events,
                cancel: CancellationToken::new(),
            };
            local.request(&job).expect("a request").allow_private
        };
        assert!(!allowed(&[]), "a service fetches from public addresses");
        assert!(allowed(&["--allow-private-sources"]));
    }
}
