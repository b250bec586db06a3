//! grader-spec.
