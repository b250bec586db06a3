//! grader-sandbox.
