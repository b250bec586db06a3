//! What every probe stands on: the probe trait, the context, the recorded HTTP client, bindings, and the line protocol
//! between the harness and its host.
//!
//! The kit knows no assessment: what a submission is about comes from the spec, and how it spells things from binding.

pub mod account;
pub mod bind;
pub mod context;
pub mod database;
mod extras;
pub mod facts;
pub mod flow;
pub mod http;
pub mod leaks;
pub mod operation;
pub mod placing;
pub mod probe;
pub mod protocol;
pub mod record;
pub mod resource;
pub mod runner;
pub mod values;
pub mod vantage;
pub mod volley;
pub mod wire;

pub use account::{Account, Carrier, Session};
pub use context::Context;
pub use database::{LiveDatabase, Table};
pub use facts::{
    ApiDocument, Claim, ClaimKind, Credentials, DatabaseHint, DatabaseKind, DocumentedEndpoint, Facts, MemberHint,
    MigrationFacts, ReadmeFacts, RouteHint,
};
pub use flow::{Flow, Gathering, Step};
pub use http::{Answer, Body, Request};
pub use operation::{Encoding, Operation};
pub use placing::Placing;
pub use probe::{Phase, Probe, Stop};
pub use resource::{BoundResource, Record};
pub use values::Values;
