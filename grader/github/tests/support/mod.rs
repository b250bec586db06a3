//! What the tests of this crate share: the installed tools, and small servers on loopback.

#![allow(dead_code, reason = "every test binary uses its own part")]

use std::path::PathBuf;

use axum::Router;
use url::Url;

/// A file below `target/tools`, where setup put what this crate is checked against.
pub(crate) fn tool(path: &str) -> PathBuf {
    let tools = workspace().join("target/tools");
    assert!(tools.join("installed").exists(), "the tools for checks are missing; `cargo xtask setup` installs them");
    tools.join(path)
}

pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().expect("the workspace")
}

/// Serves `router` on a port of its own until the test's runtime ends.
pub(crate) async fn serve(router: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}")).expect("an address")
}
