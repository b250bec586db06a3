//! What the bench of the service and its crash test share: processes that play a worker or the service with grading that
//! sleeps, and a storm that kills them.

#![allow(dead_code, reason = "the test and the bench each use their own part")]

pub(crate) mod fake;
pub(crate) mod roles;
pub(crate) mod storm;
