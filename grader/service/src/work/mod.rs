//! Runs from being asked for to being announced: the side of the queue that grades, and what keeps it in order.

mod announce;
mod ask;
mod grade;
mod house;
mod result;
mod source;
mod worker;

pub use announce::{RunChange, RunObserver, announce};
pub(crate) use ask::prepare;
pub use ask::{Asked, NewAsk, ask};
pub use grade::{Grade, GradeJob, GradeResult, SourceKey, SourceKeys};
pub use house::keep_house;
pub(crate) use result::{READING, evidence, graded_report, probe, rescore, rescored, verdict, words_on};
pub(crate) use source::check_source;
pub use worker::{WorkerConfig, work};
