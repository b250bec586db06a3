//! Grading an API that already runs: the same live probes, on this machine, without a container engine.

use std::time::{Duration, Instant};

use grader_model::{Level, Report, SubmissionRef};
use grader_spec::{LoadedSpec, Spec};
use harness_kit::bind::Overrides;
use harness_kit::protocol::{FromHarness, Host, Start};
use harness_kit::vantage::Endpoint;
use harness_kit::{DatabaseHint, Facts, Probe};
use tokio::sync::mpsc;
use url::Url;

use crate::{Event, Events, Parts, assemble};

/// What to probe, and how.
pub struct ProbeRequest {
    pub url: Url,
    pub database: Option<DatabaseHint>,
    pub spec: LoadedSpec,
    pub level: Level,
    pub fail_under: Option<f64>,
    pub bindings: Overrides,
    pub public_only: bool,
    pub seed: u64,
    /// The probes to run, from the spec and the facts; the composition root knows the families.
    pub probes: fn(&Spec, &Facts) -> Vec<Box<dyn Probe>>,
}

/// Why a running API could not be probed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeTrouble {
    /// The URL has no host or another scheme.
    #[error("`{0}` is no address of an HTTP API")]
    NoAddress(Url),
    /// The host name has no address.
    #[error("the host of `{url}` has no address")]
    Unresolved {
        url: Url,
        #[source]
        source: std::io::Error,
    },
    /// Nothing answered.
    #[error("nothing answers HTTP there: {0}")]
    Silent(String),
}

/// Probes a running API and reports on it.
///
/// # Errors
/// [`ProbeTrouble`].
pub async fn probe(request: ProbeRequest, events: Events) -> Result<Report, ProbeTrouble> {
    let started = Instant::now();
    let endpoint = endpoint(&request.url).await?;
    let facts = Facts { databases: request.database.into_iter().collect(), ..Facts::default() };
    let start = Start {
        spec: grader_spec::Spec { level: request.level, ..request.spec.spec.clone() },
        endpoints: vec![endpoint],
        facts,
        seed: request.seed,
        bindings: request.bindings,
        budget_seconds: request.spec.spec.limits.run_seconds,
        public_only: request.public_only,
    };
    let probes = (request.probes)(&start.spec, &start.facts);
    let (out, mut messages) = mpsc::unbounded_channel();
    let host = Host::new(out, false);
    let work = tokio::spawn(harness_kit::runner::run(start, host, probes));
    let mut parts = Parts::begin(SubmissionRef {
        source: request.url.to_string(),
        commit: String::new(),
        tree: String::new(),
        subdir: String::new(),
        seed: request.seed,
    });
    while let Some(message) = messages.recv().await {
        match message {
            FromHarness::Bound { bindings, .. } => parts.bindings = bindings,
            FromHarness::Probing { probe, number, of } => {
                let _ = events.send(Event::Probing { probe, number, of });
            }
            FromHarness::Finding { finding } => {
                let _ = events.send(Event::Decided(finding.clone()));
                parts.findings.push(*finding);
            }
            FromHarness::Note { note } => parts.notes.push(note),
            FromHarness::Silent { tried } => return Err(ProbeTrouble::Silent(tried.join("; "))),
            FromHarness::Control { .. } | FromHarness::Done { .. } => {}
        }
    }
    // The task ended when it dropped its sender; a panic in it leaves probes without findings, which the report shows.
    let _ = work.await;
    mark_out_of_reach(&request.spec.spec, &mut parts);
    parts.timings.probe = millis(started.elapsed());
    parts.timings.total = parts.timings.probe;
    Ok(assemble(&request.spec, request.level, request.fail_under, parts))
}

/// Probes that need the checkout or the stack's host leave the denominator, each with that reason.
fn mark_out_of_reach(spec: &grader_spec::Spec, parts: &mut Parts) {
    use grader_model::Finding;
    for (_, probe) in spec.probes().filter(|(_, probe)| probe.state == grader_spec::ProbeState::Built) {
        if !parts.findings.iter().any(|finding| finding.probe == probe.id) {
            let why = "Needs the submission's repository or its stack, and only an address was given";
            parts.findings.push(Finding::not_measured(&probe.id, why));
        }
    }
}

async fn endpoint(url: &Url) -> Result<Endpoint, ProbeTrouble> {
    let no_address = || ProbeTrouble::NoAddress(url.clone());
    if !matches!(url.scheme(), "http" | "https") {
        return Err(no_address());
    }
    let host = url.host_str().ok_or_else(no_address)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or_else(no_address)?;
    let unresolved = |source| ProbeTrouble::Unresolved { url: url.clone(), source };
    let address = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(unresolved)?
        .map(|address| address.ip())
        // Servers listen on 127.0.0.1 more often than on ::1.
        .min_by_key(std::net::IpAddr::is_ipv6)
        .ok_or_else(no_address)?;
    let base = url.path().trim_end_matches('/').to_owned();
    Ok(Endpoint { service: host, address, port, tls: url.scheme() == "https", base, host: None })
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
