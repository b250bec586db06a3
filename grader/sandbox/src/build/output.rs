//! What a builder says while it works, from either generation, and why a build failed.

use std::collections::{HashMap, VecDeque};

use bollard::models::{BuildInfo, BuildInfoAux};

use crate::run::Inner;
use crate::{Event, SandboxError};

/// Lines of one build that are told; what a build prints is the submission's, and may have no end.
const MOST_LINES: usize = 5000;
/// Bytes of a line that are kept.
const LINE_BYTES: usize = 1024;
/// Lines that an error carries.
const TAIL: usize = 40;

/// How the older builder begins the line of a step.
const CLASSIC: &str = "Step ";

/// Follows one build.
pub(super) struct Output<'a> {
    run: &'a Inner,
    service: &'a str,
    told: usize,
    tail: VecDeque<String>,
    /// Names of BuildKit's steps by digest.
    steps: HashMap<String, String>,
    step: String,
    failed: Option<(String, String)>,
    /// Text after the last line end, by step: a line may come in pieces.
    open: HashMap<String, String>,
}

impl<'a> Output<'a> {
    pub(super) fn new(run: &'a Inner, service: &'a str) -> Self {
        Output {
            run,
            service,
            told: 0,
            tail: VecDeque::new(),
            steps: HashMap::new(),
            step: String::new(),
            failed: None,
            open: HashMap::new(),
        }
    }

    pub(super) fn take(&mut self, info: BuildInfo) {
        if let Some(text) = info.stream {
            self.classic(&text);
        }
        let Some(BuildInfoAux::BuildKit(status)) = info.aux else { return };
        for vertex in status.vertexes {
            let shown = vertex.name.clone();
            let new = self.steps.insert(vertex.digest.clone(), shown.clone()).is_none();
            if vertex.started.is_some() && (new || self.step != shown) && !shown.starts_with("[internal]") {
                self.step.clone_from(&shown);
            }
            if new {
                self.line(format!("=> {shown}"));
            }
            if !vertex.error.is_empty() && self.failed.is_none() && !vertex.error.contains("context canceled") {
                self.failed = Some((shown, vertex.error));
            }
        }
        for log in status.logs {
            let text = String::from_utf8_lossy(&log.msg).into_owned();
            self.text(log.vertex, &text);
        }
    }

    fn classic(&mut self, text: &str) {
        if text.starts_with(CLASSIC) {
            self.step = text.trim().to_owned();
        }
        self.text(String::new(), text);
    }

    fn text(&mut self, source: String, text: &str) {
        let mut open = self.open.remove(&source).unwrap_or_default();
        for piece in text.split_inclusive(['\n', '\r']) {
            if open.len() < LINE_BYTES {
                open.push_str(piece);
            }
            if piece.ends_with(['\n', '\r']) {
                let line = std::mem::take(&mut open);
                self.line(line);
            }
        }
        if !open.is_empty() {
            self.open.insert(source, open);
        }
    }

    fn line(&mut self, mut line: String) {
        line.truncate(line.trim_end().len());
        if line.is_empty() {
            return;
        }
        if line.len() > LINE_BYTES {
            let end = (0..=LINE_BYTES).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(end);
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        self.told += 1;
        if self.told <= MOST_LINES {
            self.run.tell(Event::BuildLine { service: self.service.to_owned(), line });
        }
    }

    fn finish(&mut self) -> Vec<String> {
        for (_, open) in std::mem::take(&mut self.open) {
            self.line(open);
        }
        self.tail.iter().cloned().collect()
    }

    /// The run's time was over.
    pub(super) fn too_slow(mut self) -> SandboxError {
        let log = self.finish();
        SandboxError::BuildTooSlow { service: self.service.to_owned(), step: self.step, log }
    }

    /// The builder gave up.
    pub(super) fn failed(mut self, error: &bollard::errors::Error) -> SandboxError {
        let log = self.finish();
        let said = match error {
            bollard::errors::Error::DockerStreamError { error } => error.trim().to_owned(),
            other => other.to_string(),
        };
        // Without a failed step it is the Dockerfile as a whole that the builder finds fault with.
        let (step, detail) = self.failed.take().unwrap_or_else(|| {
            let step = if self.step.starts_with(CLASSIC) { &self.step } else { &said };
            (step.lines().next().unwrap_or_default().to_owned(), said.clone())
        });
        let service = self.service.to_owned();
        match cause(&log, &detail) {
            Cause::Network => SandboxError::BuildOffline { service, step, detail, log },
            Cause::Registry => SandboxError::Drift { service, step, detail, log },
            Cause::Step => SandboxError::BuildFailed { service, step, detail, log },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Cause {
    Network,
    Registry,
    Step,
}

/// How tools say that they did not get through. None of it is the candidate's doing.
const NETWORK: &[&str] = &[
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "Could not resolve",
    "Name or service not known",
    "Network is unreachable",
    "Failed to establish a new connection",
    "Connection timed out",
    "certificate verify failed",
    "TLS handshake timeout",
    "no such host",
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNRESET",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "unable to get local issuer certificate",
    "failed to resolve source metadata",
];

/// How they say that a registry has no such package (any more).
const REGISTRY: &[&str] = &[
    "No matching distribution found",
    "Could not find a version that satisfies",
    "npm error code E404",
    "npm ERR! code E404",
    "npm error code ETARGET",
    "npm ERR! code ETARGET",
    "Unable to locate package",
    "unknown revision",
    "404  Not Found",
    "is no longer available",
];

fn cause(log: &[String], detail: &str) -> Cause {
    let says = |signs: &[&str]| {
        log.iter().map(String::as_str).chain([detail]).any(|line| signs.iter().any(|sign| line.contains(sign)))
    };
    // Tools that cannot reach a registry go on to say that it has nothing, so the network is looked for first.
    if says(NETWORK) {
        Cause::Network
    } else if says(REGISTRY) {
        Cause::Registry
    } else {
        Cause::Step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_away_is_not_the_candidates_fault() {
        let log = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let away = log(&[
            "WARNING: Retrying … Temporary failure in name resolution",
            "ERROR: No matching distribution found for x",
        ]);
        assert_eq!(cause(&away, "exit code: 1"), Cause::Network);
        assert_eq!(cause(&log(&["ERROR: No matching distribution found for x==9"]), "exit code: 1"), Cause::Registry);
        assert_eq!(cause(&log(&["SyntaxError: invalid syntax"]), "exit code: 1"), Cause::Step);
    }
}
