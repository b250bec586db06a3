//! harness-kit.
