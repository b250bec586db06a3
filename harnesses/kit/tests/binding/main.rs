//! Binding against services shaped as those in the field: what is bound, how sure it is, and what a reviewer is asked.

mod field;
mod flat;
mod harness;
mod hostile;
mod refusals;
mod shop;
mod tracker;
mod troubles;
