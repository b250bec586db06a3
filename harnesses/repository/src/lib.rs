//! harness-repository.
