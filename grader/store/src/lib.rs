//! What the service remembers: submissions, runs and their queue, reports, reviewers' words, who may sign in.
//!
//! One API over SQLite and PostgreSQL: the text of a query serves both, and where they differ (locking, dates) the
//! difference is a type here. Migrations are part of the program and run when it opens its database. It must not know
//! HTTP, the engine, nor how a run is graded.
//!
//! A run is taken from the queue under a lease and an attempt number. Whoever writes to a run names the attempt; once
//! another worker has taken it, the first one's words find nothing to change. So a result is written once.

mod access;
mod audit;
mod candidates;
mod cohort;
mod error;
mod events;
mod finish;
mod github;
mod idempotency;
mod overrides;
mod page;
mod pool;
mod queue;
mod reports;
mod retention;
mod runs;
mod specs;
mod submissions;
#[cfg(feature = "testing")]
pub mod testing;
mod values;
mod workers;

pub use access::{Account, NewToken, Session, SessionOf, Token};
pub use audit::AuditEntry;
pub use candidates::{Candidate, CandidateChange, CandidateFilter};
pub use cohort::{Cohort, CohortFilter, CriterionShare, Standing};
pub use error::StoreError;
pub use events::RunEvent;
pub use finish::{Artefact, ArtefactBody, CarriedOverride, Finish, Finished, Summary};
pub use github::{GithubAsked, GithubHead, GithubPart, GithubPull, GithubRun};
pub use idempotency::{Kept, Reserved};
pub use overrides::{Decision, DecisionKind, NewOverride, Override, OverrideState};
pub use page::{Page, PageRequest};
pub use pool::{Backend, Store};
pub use queue::{Claim, Given, LeaseState};
pub use retention::{Removed, RetentionPolicy};
pub use runs::{NewRun, Run, RunFilter, RunState};
pub use specs::{NewSpec, StoredSpec};
pub use submissions::{NewSubmission, Submission, SubmissionFilter};
pub use values::{Role, Scope, Scopes, Timestamp, new_id};
pub use workers::Worker;
