//! grader-compose.
