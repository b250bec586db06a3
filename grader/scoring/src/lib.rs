//! grader-scoring.
