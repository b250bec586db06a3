//! grader-report.
