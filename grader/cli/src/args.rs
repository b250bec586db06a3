//! The command line. Its shape is a contract: options are added, never changed.

mod service;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use grader_intake::Limits;
use grader_report::{ComparisonFormat, Format};

pub(crate) use service::{BackupArgs, DatabaseArgs, ServeArgs, TokenCommand, UserCommand, WorkArgs, WorkerArgs};

/// Grades backend take-home submissions, with evidence for every point.
#[derive(Debug, Parser)]
#[command(name = "grader", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

const EXIT_CODES: &str = "Exit codes:
  0  graded
  1  graded below --fail-under
  2  the arguments, the spec or the bindings are wrong
  3  not graded: the grader's or the machine's fault
  4  refused by the sandbox's policy
  5  the submission does not start (it is still scored on what can be seen)
  130  interrupted; everything was torn down";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Grade a submission: clone it, bring its stack up in a sandbox, probe it, score it
    Grade(GradeArgs),
    /// Run the same probes against an API that already runs, without a container engine
    Probe(ProbeArgs),
    /// Show the plan of a submission: compose services, rewrites, refusals, routes; starts nothing
    Inspect(InspectArgs),
    /// Compare two runs: points won and lost, findings that appeared and went
    Diff(DiffArgs),
    /// Compare the code of submissions with each other, for a person to read; starts nothing
    Similar(SimilarArgs),
    /// Work with compose files
    #[command(subcommand)]
    Compose(ComposeCommand),
    /// Work with assessment specs
    #[command(subcommand)]
    Spec(SpecCommand),
    /// Serve the API and the dashboard, and grade what is handed in
    Serve(ServeArgs),
    /// Grade what is handed in to a service elsewhere, over the same database
    Worker(WorkerArgs),
    /// Tokens of the service
    #[command(subcommand)]
    Token(TokenCommand),
    /// People who sign in to the service
    #[command(subcommand)]
    User(UserCommand),
    /// Write a copy of the service's SQLite database while it is in use
    Backup(BackupArgs),
    /// Grade as a step of a GitHub workflow; inputs, event and outputs as `action.yml` describes them
    Action,
    /// Remove what killed runs left behind
    Sweep,
    /// Say what is missing on this machine and how to get it
    Doctor,
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
}

/// What grading and probing have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The assessment: a built-in name or a file
    #[arg(long, default_value = "bookstore", value_name = "NAME|FILE")]
    pub(crate) spec: String,
    /// Write report.json, report.html, report.md, junit.xml, report.sarif and logs/ into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What to print on stdout; may be repeated
    #[arg(long, value_name = "FORMAT", default_values_t = [Format::Terminal])]
    pub(crate) format: Vec<Format>,
    /// Who reads the report: a candidate's hides hidden probes
    #[arg(long, value_enum, default_value_t = Audience::Reviewer)]
    pub(crate) audience: Audience,
    /// Which probes to run
    #[arg(long, value_enum, default_value_t = Visibility::All)]
    pub(crate) visibility: Visibility,
    /// A file that says how operations are really spelt
    #[arg(long, value_name = "FILE")]
    pub(crate) bindings: Option<PathBuf>,
    /// Seniority to grade for, in place of the spec's
    #[arg(long, value_enum)]
    pub(crate) level: Option<Level>,
    /// Exit 1 when the score is below this percentage
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    pub(crate) fail_under: Option<f64>,
    /// Seed of the probes' own data: the same tree, spec and seed give the same report but for times. Grading takes 1,
    /// probing a running API a new one each time, since its database remembers
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GradeArgs {
    /// A git URL (https, http, ssh, git, file; `#ref` may follow) or a local folder. Of several, each has a folder of its
    /// own below --out, and the exit code is the highest of theirs
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) source: Vec<String>,
    /// How many submissions are graded at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = concurrency)]
    pub(crate) concurrency: usize,
    /// Branch, tag or commit to grade
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// The folder inside the repository to grade
    #[arg(long, value_name = "DIR")]
    pub(crate) subdir: Option<String>,
    #[command(flatten)]
    pub(crate) clone: CloneArgs,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Leave the stack up and say how to reach it and how to remove it
    #[arg(long)]
    pub(crate) keep: bool,
    /// Leave the submission's own tests unrun; the probes that need them are not measured
    #[arg(long)]
    pub(crate) skip_tests: bool,
    /// Run the submission's own tests also where an earlier run of the same tree, images and seed passed them all and is
    /// kept
    #[arg(long, conflicts_with = "skip_tests")]
    pub(crate) fresh: bool,
    /// Pull nothing: use only images that are there
    #[arg(long)]
    pub(crate) offline: bool,
    /// The engine's runtime for the submission's containers, such as runsc; missing is an error
    #[arg(long, value_name = "NAME")]
    pub(crate) runtime: Option<String>,
    /// A further base image that submissions may use; may be repeated (`NAME` or `NAME:TAG`, `*` matches)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow_image: Vec<String>,
    /// Network of image builds, as the engine names it
    #[arg(long, value_name = "NAME", env = "GRADER_BUILD_NETWORK")]
    pub(crate) build_network: Option<String>,
}

/// What taking a source in may cost.
#[derive(Debug, clap::Args)]
pub(crate) struct CloneArgs {
    /// Bytes that a server may send, and that the graded tree may hold
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().bytes)]
    clone_bytes: u64,
    /// Seconds until a source must have arrived
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().wall_clock.as_secs())]
    clone_seconds: u64,
}

impl CloneArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits { bytes: self.clone_bytes, wall_clock: Duration::from_secs(self.clone_seconds), ..Limits::default() }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArgs {
    /// Where the API listens, such as http://127.0.0.1:8000
    #[arg(value_name = "URL")]
    pub(crate) url: url::Url,
    /// The API's database: postgres://user:password@127.0.0.1:5432/name, mysql://… or sqlite:PATH
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<url::Url>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// A git URL or a local folder
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Branch, tag or commit to inspect
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// The folder inside the repository to inspect
    #[arg(long, value_name = "DIR")]
    pub(crate) subdir: Option<String>,
    #[command(flatten)]
    pub(crate) clone: CloneArgs,
    /// A further base image that submissions may use; may be repeated (`NAME` or `NAME:TAG`, `*` matches)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow_image: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The earlier run: a report.json, or a folder that --out filled
    #[arg(value_name = "RUN")]
    pub(crate) before: PathBuf,
    /// The later run
    #[arg(value_name = "RUN")]
    pub(crate) after: PathBuf,
    /// What to print on stdout: terminal, json, markdown or html; may be repeated
    #[arg(long, value_name = "FORMAT", default_values_t = [ComparisonFormat::Terminal])]
    pub(crate) format: Vec<ComparisonFormat>,
    /// Who reads it: a candidate's comparison hides hidden probes
    #[arg(long, value_enum, default_value_t = Audience::Reviewer)]
    pub(crate) audience: Audience,
    /// Take both trees in again from where they were graded, and show what changed in the code
    #[arg(long)]
    pub(crate) code: bool,
    #[command(flatten)]
    pub(crate) clone: CloneArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimilarArgs {
    /// Git URLs or local folders, two or more
    #[arg(value_name = "SOURCE", required = true, num_args = 2..)]
    pub(crate) source: Vec<String>,
    /// What candidates began with: a git URL or a local folder
    #[arg(long, value_name = "SOURCE")]
    pub(crate) template: Option<String>,
    /// Leave out passages that more submissions than this have; a quarter of them and at least 4 unless given
    #[arg(long, value_name = "N")]
    pub(crate) common: Option<usize>,
    /// The most pairs that are shown
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) pairs: usize,
    /// What to print on stdout: terminal, json, markdown or html (with the places side by side); may be repeated
    #[arg(long, value_name = "FORMAT", default_values_t = [ComparisonFormat::Terminal])]
    pub(crate) format: Vec<ComparisonFormat>,
    #[command(flatten)]
    pub(crate) clone: CloneArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ComposeCommand {
    /// Print the normalized project as the reference implementation prints it
    Config {
        /// The compose file, or the folder that holds it
        path: PathBuf,
        /// Only json is known
        #[arg(long, default_value = "json", value_parser = ["json"])]
        format: String,
        #[arg(long, value_name = "NAME")]
        project_name: Option<String>,
        /// Do not hold it against the sandbox's policy
        #[arg(long)]
        no_policy: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpecCommand {
    /// List the built-in assessments
    List,
    /// Report every mistake of a spec with its place
    Check { file: String },
    /// Print the brief that candidates get
    Brief { name: String },
    /// Print the JSON Schema of specs, for editors
    Schema,
    /// Write a starting point, with comments that explain it
    New {
        /// The assessment's id: lower-case letters, digits and hyphens; the file is NAME.yaml
        #[arg(default_value = "my-assessment")]
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Audience {
    Reviewer,
    Candidate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Visibility {
    All,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Junior,
    Mid,
    Senior,
}

impl From<Level> for grader_model::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Junior => grader_model::Level::Junior,
            Level::Mid => grader_model::Level::Mid,
            Level::Senior => grader_model::Level::Senior,
        }
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=64) => Ok(number),
        _ => Err("1 to 64 at a time".to_owned()),
    }
}

fn percentage(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("a percentage is 0 to 100".to_owned()) }
}
