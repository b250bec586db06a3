//! `cargo xtask setup` and `down`: a Docker engine that answers, the base images that fixtures name, the database server
//! that the store's tests start, and the tools that the GitHub parts are checked against.

mod daemon;
mod engine;
mod host_clients;
mod images;
mod packages;
mod recipe;
mod rootfs;
mod tools;

pub(crate) use engine::{Wanted, stop};
pub(crate) use images::need as need_images;
pub(crate) use packages::{install_package, need_postgres};
pub(crate) use tools::ensure as ensure_tools;

use crate::shell::Result;

/// Makes sure of an engine, of PostgreSQL's programs and the browser that tests use, and of the base images; `all` takes
/// those outside the core set as well, `named` are references that a submission uses.
///
/// # Errors
/// When either cannot be had here; the hint says what a person has to do.
pub(crate) fn ensure(engine: Option<Wanted>, all: bool, named: &[String]) -> Result<()> {
    engine::ensure(engine)?;
    // Tests look at the dashboard's pages in a real browser.
    packages::need("chromedriver", "chromium-driver")?;
    packages::need_postgres()?;
    images::ensure(all, named)
}
