//! `cargo xtask setup` and `down`: a Docker engine that answers and the base images that fixtures name.

mod daemon;
mod engine;
mod packages;

pub(crate) use engine::{Wanted, ensure, stop};
