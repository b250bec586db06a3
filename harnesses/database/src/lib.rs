//! harness-database.
