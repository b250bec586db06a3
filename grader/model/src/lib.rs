//! grader-model.
