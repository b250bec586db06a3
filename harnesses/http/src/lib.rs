//! harness-http.
