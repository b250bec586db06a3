//! grader-pipeline.
