//! Assessment specs: one file that says everything about an assessment; and the bank of interview questions.
//!
//! The types are the schema (`specs/spec.schema.json` is generated from them). Nothing here runs a probe or knows which
//! domain a spec describes.

mod assessment;
mod check;
pub mod custom;
mod domain;
mod locate;
mod questions;
mod source;

pub use assessment::{Criterion, Limits, Params, ProbeRef, ProbeState, SCHEMA, Spec, Thresholds, spec_schema};
pub use check::{Mistake, check};
pub use domain::{
    Access, Accounts, Action, Domain, Field, FieldKind, Lines, OperationSpec, ReadAccess, Resource, WriteAccess,
};
pub use locate::Place;
pub use questions::{
    Asked, BANK_SCHEMA, BankQuestion, QuestionBank, Words, check_bank, load_bank, load_questions, questions_schema,
};
pub use source::{BUILT_IN, LoadedSpec, SpecError, load, load_named, starting_point};
