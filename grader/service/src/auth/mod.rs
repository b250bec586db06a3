//! Who asks: tokens, sessions and what they may do.

mod principal;
mod secrets;
mod sign_in;
mod verify;

pub(crate) use principal::COOKIE;
pub use principal::Principal;
pub(crate) use secrets::{digest, random};
pub use secrets::{issue_token, set_password};
pub(crate) use sign_in::{by_password, by_token, cookie, no_cookie, sign_out};
pub(crate) use verify::Verifier;
