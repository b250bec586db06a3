//! Everything that can go wrong between a project and a running stack, each variant on one side.

use std::time::Duration;

use grader_model::{Fault, FaultSide, Stage};

/// Why the sandbox could not do what it was asked for.
///
/// [`SandboxError::fault`] says whose doing it is. Logs are the last lines, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    // The grader's or the machine's.
    /// No engine answers at the address, or it went away.
    #[error("no container engine answers at {address}: {detail}")]
    EngineAway { address: String, detail: String },
    /// The engine went away in the middle of something.
    #[error("the container engine went away, asked to {doing}: {detail}")]
    EngineLost { doing: String, detail: String },
    /// The engine answers and refuses or fails at something that the submission has no part in.
    #[error("the container engine could not {doing}: {detail}")]
    Engine { doing: String, detail: String },
    /// The engine is older than API 1.41 (Docker 20.10), or does not run Linux containers.
    #[error("the container engine {version} cannot be used: {detail}")]
    EngineUnfit { version: String, detail: String },
    /// A runtime was asked for that the engine does not have. Never replaced by another.
    #[error("the engine has no runtime named {name}")]
    RuntimeMissing { name: String, installed: Vec<String> },
    /// A run id that does not fit names and labels.
    #[error("{id:?} is no run id")]
    BadRunId { id: String },
    /// Every subnet of the pool is in use.
    #[error("no subnet of {pool} is free")]
    NoSubnet { pool: String },
    /// An image is allowed and cannot be fetched: the registry is away, or pulling is off.
    #[error("the image {image} cannot be fetched: {detail}")]
    ImageUnavailable { image: String, detail: String },
    /// A build step could not reach what it downloads from.
    #[error("the image of {service} could not be built: no way to the network in {step}")]
    BuildOffline { service: String, step: String, detail: String, log: Vec<String> },
    /// The engine's disk was filling up while images were built. Others write to it as well, so nobody is blamed.
    #[error(
        "building was stopped: {} MiB of the engine's disk were taken meanwhile, and {} MiB are left",
        taken >> 20,
        free >> 20
    )]
    BuildDisk { taken: u64, free: u64 },
    /// The engine's disk is nearly full. Others write to it as well, so nobody is blamed.
    #[error("the engine's disk is full: {} MiB are left", free >> 20)]
    EngineDisk { free: u64 },
    /// The journal cannot be written; without it nothing is made.
    #[error("the journal {path} cannot be written: {detail}")]
    Journal { path: String, detail: String },
    /// The image of the harness cannot be made from the binary.
    #[error("no harness image can be made from {binary}: {detail}")]
    HarnessImage { binary: String, detail: String },
    /// The reaper process cannot be started or written to.
    #[error("the reaper cannot be reached: {detail}")]
    Reaper { detail: String },
    /// A call named a service that the stack does not have, or that does not run.
    #[error("there is no running service {service:?}")]
    NoSuchService { service: String },
    /// Something is there that the sandbox does not do, and the document is not at fault.
    #[error("{what} is not supported")]
    Unsupported { service: String, what: String },
    /// The run's time was over while the grader itself was at work.
    #[error("the run's time was over while {doing}")]
    Deadline { doing: String },

    // Refused by policy.
    /// The allow-list has no place for the image.
    #[error("the image {image} is not on the allow-list")]
    ImageNotAllowed { service: String, image: String, place: String },
    /// A Dockerfile asks for what builds may not do.
    #[error("{place}: {what}")]
    BuildRefused { service: String, place: String, what: String },

    // The candidate's.
    /// The registry says that there is no such image.
    #[error("there is no image {image}")]
    ImageNotFound { service: String, image: String, detail: String },
    /// The build context or Dockerfile is not in the tree.
    #[error("{path} is missing: {what} of service {service}")]
    Missing { service: String, path: String, what: String },
    /// The Dockerfile cannot be read.
    #[error("{place}: {detail}")]
    Dockerfile { service: String, place: String, detail: String },
    /// The context or a folder is larger than the run allows.
    #[error("{path} is larger than {} MiB", limit >> 20)]
    TooLarge { service: String, path: String, limit: u64 },
    /// A step of the build failed.
    #[error("the image of {service} does not build: {step}")]
    BuildFailed { service: String, step: String, detail: String, log: Vec<String> },
    /// The builds did not end in the run's time.
    #[error("building {service} took longer than the run may")]
    BuildTooSlow { service: String, step: String, log: Vec<String> },
    /// The engine refuses to make or start the container: no such program, user or working directory.
    #[error("{service} cannot be started: {detail}")]
    CannotStart { service: String, detail: String, log: Vec<String> },
    /// A container ended by itself while the stack came up.
    #[error("{service} ended with exit code {exit_code} while starting")]
    Crashed { service: String, exit_code: i64, restarts: i64, log: Vec<String> },
    /// A container was killed for using more memory than it may.
    #[error("{service} ran out of memory ({} MiB)", limit >> 20)]
    OutOfMemory { service: String, limit: u64, log: Vec<String> },
    /// The declared health test never passed.
    #[error("{service} was not healthy after {} s", waited.as_secs())]
    NeverHealthy { service: String, test: String, waited: Duration, output: Vec<String>, log: Vec<String> },
    /// It runs, and nothing listens on the port that the document publishes.
    #[error("{service} does not listen on port {port}")]
    NotListening {
        service: String,
        port: u16,
        /// What it listens on instead, from any address.
        listening: Vec<u16>,
        /// Whether the port is open to the container itself only.
        loopback_only: bool,
        log: Vec<String>,
    },
    /// A service waits for another that ended otherwise than the document asks.
    #[error("{service} waits for {dependency}, which {what}")]
    DependencyFailed { service: String, dependency: String, what: String, log: Vec<String> },
    /// Services wait for each other in a circle.
    #[error("services wait for each other: {}", services.join(", "))]
    Circle { services: Vec<String> },

    // Drift.
    /// A build step asked a package registry for something that it does not have (any more).
    #[error("the image of {service} does not build any more: {step}")]
    Drift { service: String, step: String, detail: String, log: Vec<String> },
}

impl SandboxError {
    /// The error as reports show it: side, stage, stable code, place, hint, log.
    pub fn fault(&self) -> Fault {
        use SandboxError as E;
        let new = |side, stage, code| Fault::new(side, stage, code, self.to_string());
        let grader = |stage, code| new(FaultSide::Grader, stage, code);
        let candidate = |stage, code| new(FaultSide::Candidate, stage, code);
        match self {
            E::EngineAway { .. } => grader(Stage::Up, "engine.away")
                .hint("Start the engine, or set DOCKER_HOST to one that runs; `cargo xtask setup` sets one up."),
            E::EngineLost { .. } => grader(Stage::Up, "engine.lost"),
            E::Engine { .. } => grader(Stage::Up, "engine.failed"),
            E::EngineUnfit { .. } => grader(Stage::Up, "engine.unfit").hint("Use Docker 20.10 or newer."),
            E::RuntimeMissing { installed, .. } => grader(Stage::Up, "engine.runtime-missing")
                .hint(format!("Install it, or leave --runtime away. Installed: {}.", installed.join(", "))),
            E::BadRunId { .. } => grader(Stage::Up, "run.bad-id"),
            E::NoSubnet { .. } => {
                grader(Stage::Up, "engine.no-subnet").hint("`grader sweep` removes what is left over.")
            }
            E::ImageUnavailable { image, .. } => grader(Stage::Build, "image.unavailable").at(image).hint(
                "Fetch it to the engine beforehand, or grade where its registry can be reached and without --offline.",
            ),
            E::BuildOffline { service, log, .. } => grader(Stage::Build, "build.offline").at(service).log(log.clone()),
            E::BuildDisk { .. } => grader(Stage::Build, "engine.disk-full").hint(
                "Look at what the submission's builds write, make room (`docker builder prune`), and grade it again.",
            ),
            E::EngineDisk { .. } => grader(Stage::Up, "engine.disk-full")
                .hint("Make room (`docker system df` tells what takes it), and grade the submission again."),
            E::Journal { .. } => grader(Stage::Up, "journal.unwritable"),
            E::HarnessImage { .. } => grader(Stage::Probe, "harness.image"),
            E::Reaper { .. } => grader(Stage::Up, "reaper.away"),
            E::NoSuchService { service } => grader(Stage::Probe, "stack.no-such-service").at(service),
            E::Unsupported { service, .. } => grader(Stage::Up, "sandbox.unsupported").at(service),
            E::Deadline { .. } => grader(Stage::Up, "run.deadline"),
            E::ImageNotAllowed { place, .. } => new(FaultSide::Policy, Stage::Policy, "image.not-allowed")
                .at(place)
                .hint("A reviewer can allow it with --allow-image."),
            E::BuildRefused { place, .. } => new(FaultSide::Policy, Stage::Policy, "build.refused").at(place),
            E::ImageNotFound { service, detail, .. } => candidate(Stage::Build, "image.not-found")
                .at(service)
                .hint("Check the spelling of its name and tag; a private image counts as missing.")
                .log(vec![detail.clone()]),
            E::Missing { path, .. } => candidate(Stage::Build, "build.missing").at(path),
            E::Dockerfile { place, .. } => candidate(Stage::Build, "build.dockerfile").at(place),
            E::TooLarge { path, .. } => candidate(Stage::Build, "build.too-large").at(path),
            E::BuildFailed { service, log, .. } => candidate(Stage::Build, "build.failed").at(service).log(log.clone()),
            E::BuildTooSlow { service, log, .. } => {
                candidate(Stage::Build, "build.too-slow").at(service).log(log.clone())
            }
            E::CannotStart { service, log, .. } => {
                candidate(Stage::Up, "stack.cannot-start").at(service).log(log.clone())
            }
            E::Crashed { service, log, .. } => candidate(Stage::Up, "stack.crashed").at(service).log(log.clone()),
            E::OutOfMemory { service, log, .. } => candidate(Stage::Up, "stack.out-of-memory")
                .at(service)
                .hint("Let it use less, or raise the mem_limit that the compose file sets.")
                .log(log.clone()),
            E::NeverHealthy { service, output, log, .. } => candidate(Stage::Ready, "stack.unhealthy")
                .at(service)
                .hint(self.health_hint())
                .log(log.iter().chain(output).cloned().collect()),
            E::NotListening { service, log, .. } => {
                candidate(Stage::Ready, "stack.not-listening").at(service).hint(self.listening_hint()).log(log.clone())
            }
            E::DependencyFailed { service, log, .. } => {
                candidate(Stage::Up, "stack.dependency-failed").at(service).log(log.clone())
            }
            E::Circle { .. } => candidate(Stage::Up, "stack.circle"),
            E::Drift { service, detail, log, .. } => {
                new(FaultSide::Drift, Stage::Build, "build.drift").at(service).log(with(log, detail))
            }
        }
    }

    fn listening_hint(&self) -> String {
        match self {
            SandboxError::NotListening { loopback_only: true, .. } => {
                "It listens on the container's own loopback address; bind to 0.0.0.0.".to_owned()
            }
            SandboxError::NotListening { listening, .. } if !listening.is_empty() => {
                let ports: Vec<String> = listening.iter().map(u16::to_string).collect();
                format!("It listens on {} instead.", ports.join(", "))
            }
            _ => "Nothing in it listens on any port.".to_owned(),
        }
    }

    fn health_hint(&self) -> String {
        match self {
            SandboxError::NeverHealthy { test, output, .. } if !test.is_empty() => match output.last() {
                Some(said) => format!("Its health test, `{test}`, says last: {said}"),
                None => format!("Its health test, `{test}`, fails and says nothing."),
            },
            _ => "It kept restarting.".to_owned(),
        }
    }

    pub(crate) fn engine(doing: impl Into<String>, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error as B;
        let doing = doing.into();
        match error {
            B::IOError { .. }
            | B::HyperResponseError { .. }
            | B::HyperLegacyError { .. }
            | B::SocketNotFoundError(_) => SandboxError::EngineLost { doing, detail: error.to_string() },
            B::DockerResponseServerError { message, .. } => {
                SandboxError::Engine { doing, detail: message.trim().to_owned() }
            }
            other => SandboxError::Engine { doing, detail: other.to_string() },
        }
    }
}

/// A log and what the builder made of it.
fn with(log: &[String], detail: &str) -> Vec<String> {
    log.iter().map(String::as_str).chain(detail.lines()).map(str::to_owned).collect()
}

/// Whether the engine says that something is not there.
pub(crate) fn is_missing(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the engine says that something is there already, in use, or on its way out.
pub(crate) fn is_conflict(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: 409, .. })
}

/// Attaches what was being done to an error of the engine.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &str) -> Result<T, SandboxError>;
}

impl<T> Doing<T> for Result<T, bollard::errors::Error> {
    fn doing(self, doing: &str) -> Result<T, SandboxError> {
        self.map_err(|error| SandboxError::engine(doing, &error))
    }
}
