//! grader-intake.
