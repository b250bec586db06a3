//! The trait that every live probe implements, and the ways in which a probe can stop before its verdict.

use async_trait::async_trait;
use grader_model::Finding;

use crate::Context;

/// When a probe runs. What floods, locks out or breaks comes after what it could disturb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Ordinary use: create, read, page.
    Use,
    /// Odd and hostile requests, few in number.
    Attack,
    /// Bursts that a limiter may answer.
    Flood,
    /// The database read from inside; overlaps with a limiter's window.
    Database,
    /// What had to wait for a window to pass.
    Late,
    /// Many requests at once, and races: nothing else runs in the harness then.
    Load,
    /// The stack with something broken on purpose, and what is left of it afterwards.
    Break,
    /// Conclusions from the record of the whole run.
    Observe,
}

/// One live probe of the catalogue. Implementations live one to a file and hold no state of their own: what a probe
/// leaves for another one goes through the [`Context`].
#[async_trait]
pub trait Probe: Send + Sync {
    /// The id in the catalogue.
    fn id(&self) -> &'static str;

    fn phase(&self) -> Phase {
        Phase::Use
    }

    /// Whether it needs what only the stack's host can do. Where the API was given by its address alone such a probe is
    /// left out, and the report says why.
    fn needs_host(&self) -> bool {
        false
    }

    /// Decides the verdict.
    ///
    /// # Errors
    /// [`Stop`] when there is no verdict of its own: the runner turns it into the finding that it stands for.
    async fn run(&self, ctx: &Context) -> Result<Finding, Stop>;
}

/// Why a probe has no verdict of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Another probe's finding is the cause.
    Blocked { by: &'static str, why: String },
    /// The spec or the submission gives it nothing to observe that the brief asks for.
    NotApplicable(String),
    /// The grader could not tell.
    Inconclusive(String),
}

impl Stop {
    pub fn blocked(by: &'static str, why: impl Into<String>) -> Self {
        Stop::Blocked { by, why: why.into() }
    }

    pub fn not_applicable(why: impl Into<String>) -> Self {
        Stop::NotApplicable(why.into())
    }

    pub fn inconclusive(why: impl Into<String>) -> Self {
        Stop::Inconclusive(why.into())
    }

    /// The finding that this stands for. A probe blocked by itself is a fail: the cause must not vanish.
    pub fn into_finding(self, probe: &str) -> Finding {
        match self {
            Stop::Blocked { by, why } if by == probe => Finding::fail(probe, why),
            Stop::Blocked { by, why } => Finding::blocked(probe, by, why),
            Stop::NotApplicable(why) => Finding::not_applicable(probe, why),
            Stop::Inconclusive(why) => Finding::inconclusive(probe, why),
        }
    }
}
