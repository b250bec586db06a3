//! The probes of this family, one file each.

pub(crate) mod connections;
pub(crate) mod dependency_down;
pub(crate) mod load;
pub(crate) mod logging;
pub(crate) mod persistence;
pub(crate) mod shutdown;
