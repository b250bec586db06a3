//! The top of a spec: identity, brief, weighted criteria with their probes, limits and thresholds.

use grader_model::{Level, Visibility};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Domain;
use crate::custom::CustomProbe;

/// The value of `schema` in every spec of this shape.
pub const SCHEMA: &str = "grader.spec/1";

/// A probe's parameters: names and plain values, meaning documented by the probe.
pub type Params = serde_json::Map<String, serde_json::Value>;

/// One assessment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Always `grader.spec/1`.
    pub schema: String,
    /// Short name: lower-case letters, digits and hyphens.
    pub id: String,
    /// Version of the assessment, `MAJOR.MINOR.PATCH`; a report names it together with the file's digest.
    pub version: String,
    pub title: String,
    /// The seniority that submissions are graded for unless `--level` says otherwise.
    pub level: Level,
    /// The brief that candidates get, in Markdown.
    pub brief: String,
    /// The criteria in the order of the report. Weights usually sum to 100.
    pub criteria: Vec<Criterion>,
    pub domain: Domain,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// A weighted criterion. It earns `weight` x (points earned / points that apply).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    pub id: String,
    pub title: String,
    /// Above 0.
    pub weight: f64,
    pub probes: Vec<ProbeRef>,
}

/// A probe that counts under a criterion.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRef {
    /// The probe's id in the catalogue.
    pub id: String,
    /// Points inside the criterion, above 0; only their ratio to the criterion's other points matters.
    #[serde(default = "one_point")]
    pub points: f64,
    /// The level from which it counts; the catalogue's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    #[serde(default)]
    pub visibility: Visibility,
    /// `planned` marks a probe that this version does not measure: its points leave the denominator visibly.
    #[serde(default)]
    pub state: ProbeState,
    /// Bounds and numbers that the probe documents.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// The probe itself, where the catalogue does not have it; its id begins with `custom.` then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomProbe>,
}

/// Whether this version of the grader measures a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    #[default]
    Built,
    Planned,
}

fn one_point() -> f64 {
    1.0
}

/// Bounds of a run. Seconds and bytes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// One budget of wall-clock time for a whole run, in seconds (30 to 7200).
    pub run_seconds: u64,
    /// From the start of containers until the stack is ready, in seconds (5 to 1800) of a machine that nobody else works
    /// on: what other work takes is added, up to four times as long.
    pub ready_seconds: u64,
    /// For the submission's own tests and what challenges them, in seconds (10 to 1800); less where the run has less left.
    pub tests_seconds: u64,
    /// For one request of a probe, in seconds (1 to 120).
    pub request_seconds: u64,
    /// Memory of the whole stack in MiB (128 to 65536).
    pub memory_mib: u64,
    /// What one service may write to its own files in MiB (64 to 65536); a volume may hold twice as much.
    pub disk_mib: u64,
    /// Processors of the whole stack (0.1 to 64).
    pub cpus: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            run_seconds: 600,
            ready_seconds: 120,
            tests_seconds: 180,
            request_seconds: 15,
            memory_mib: 4096,
            disk_mib: 2048,
            cpus: 2.0,
        }
    }
}

/// What a report is held against.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Percent below which `grader grade` exits 1 unless `--fail-under` says otherwise.
    pub fail_under: Option<f64>,
}

impl Spec {
    /// Every probe of the spec with its criterion, in report order.
    pub fn probes(&self) -> impl Iterator<Item = (&Criterion, &ProbeRef)> {
        self.criteria.iter().flat_map(|criterion| criterion.probes.iter().map(move |probe| (criterion, probe)))
    }

    /// The reference to a probe, or `None` where the spec does not ask for it.
    pub fn probe(&self, id: &str) -> Option<&ProbeRef> {
        self.probes().map(|(_, probe)| probe).find(|probe| probe.id == id)
    }
}

impl ProbeRef {
    /// The level from which it counts: the spec's word, else the catalogue's, else junior (for custom probes).
    pub fn effective_level(&self) -> Level {
        self.level.or_else(|| grader_model::catalogue_entry(&self.id).map(|entry| entry.level)).unwrap_or(Level::Junior)
    }
}

/// The JSON Schema of specs, pretty-printed: what `specs/spec.schema.json` holds.
pub fn spec_schema() -> String {
    let schema = schemars::schema_for!(Spec);
    // A schema is a JSON value: printing it in its alternate form cannot fail.
    format!("{:#}\n", schema.to_value())
}
