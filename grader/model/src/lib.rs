//! The vocabulary of the house: probes, verdicts, evidence, faults and the report.
//!
//! Data, and what has to mean the same in several places, such as which addresses are public. Nothing here reads a file,
//! opens a socket or knows an assessment; every other crate speaks in these types.

mod address;
mod area;
mod binding;
mod catalogue;
mod evidence;
mod fault;
mod finding;
mod level;
mod report;
mod review;
mod similarity;
mod snapshot;
mod verdict;

pub use address::is_public;
pub use area::AREAS;
pub use binding::{Binding, BindingSource};
pub use catalogue::{CATALOGUE, CatalogueEntry, Facility, catalogue_entry};
pub use evidence::{Evidence, Exchange, Header, RequestPart, ResponsePart};
pub use fault::{Fault, FaultSide, Stage};
pub use finding::Finding;
pub use level::{Level, Visibility};
pub use report::{
    CriterionReport, MatrixCell, MatrixRow, Note, NoteKind, Outcome, ProbeReport, Question, RedFlag, Report, Rewrite,
    RowState, SCHEMA, Score, ServiceReport, SpecRef, StackReport, SubmissionRef, Timings, ToolRef,
};
pub use review::{ReviewerWord, WordState};
pub use similarity::{ComparedSubmission, Passage, SIMILARITY_SCHEMA, SimilarPair, SimilarPlace, Similarity};
pub use snapshot::{Commit, FileEntry, FileKind, HistoricBlob, Snapshot};
pub use verdict::Verdict;
