//! The exit codes, documented in one place.

use std::process::ExitCode;

use grader_model::{Outcome, Report};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: graded, and not below the threshold; or the command did what it was asked.
    Graded,
    /// 1: graded below `--fail-under`; or what was checked is not in order.
    Below,
    /// 2: the arguments, the spec or the bindings are wrong.
    Usage,
    /// 3: not graded: the grader's or the machine's fault.
    NotGraded,
    /// 4: refused by the sandbox's policy.
    Refused,
    /// 5: the submission does not start; it is still scored on what can be seen.
    DoesNotStart,
    /// 130: interrupted; everything was torn down.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Graded => 0,
            Exit::Below => 1,
            Exit::Usage => 2,
            Exit::NotGraded => 3,
            Exit::Refused => 4,
            Exit::DoesNotStart => 5,
            Exit::Interrupted => 130,
        }
    }

    /// The code for a finished report.
    pub(crate) fn of(report: &Report) -> Self {
        match report.outcome {
            Outcome::Graded if report.score.passed == Some(false) => Exit::Below,
            Outcome::Graded => Exit::Graded,
            Outcome::DoesNotStart => Exit::DoesNotStart,
            Outcome::Refused => Exit::Refused,
            Outcome::NotGraded => Exit::NotGraded,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
