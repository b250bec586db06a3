//! Recognizing how a password is stored, by verifying the known password against what is there.
//!
//! A format is recognized by its form, and only believed once the known password verifies: a column's name says nothing.
//! Formats: PHC strings, modular crypt, Django, werkzeug, passlib, ASP.NET Identity, Spring, Node's `salt:hash` in hex.

mod fast;
mod parse;
mod spring;
mod strength;

pub(crate) use fast::readable;
pub use strength::Strength;
pub(crate) use strength::is_readable;

/// A key-stretching function with its parameters, as a stored value names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Memory in KiB, passes, lanes.
    Argon2 { variant: &'static str, memory: u32, passes: u32, lanes: u32 },
    /// log2 of the rounds.
    Bcrypt { cost: u32 },
    /// log2 of N, block size, parallelism.
    Scrypt { log_n: u8, r: u32, p: u32 },
    /// The hash under the HMAC, and the iterations.
    Pbkdf2 { hash: &'static str, iterations: u32 },
    /// glibc's SHA-crypt.
    ShaCrypt { rounds: u32 },
    /// A function made to be fast, or the password itself: what it is, in words.
    Fast(&'static str),
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scheme::Argon2 { variant, memory, passes, lanes } => {
                write!(f, "{variant} with m={memory} KiB, t={passes}, p={lanes}")
            }
            Scheme::Bcrypt { cost } => write!(f, "bcrypt with cost {cost}"),
            Scheme::Scrypt { log_n, r, p } => write!(f, "scrypt with N=2^{log_n}, r={r}, p={p}"),
            Scheme::Pbkdf2 { hash, iterations } => write!(f, "PBKDF2-HMAC-{hash} with {iterations} iterations"),
            Scheme::ShaCrypt { rounds } => write!(f, "SHA-crypt with {rounds} rounds"),
            Scheme::Fast(what) => f.write_str(what),
        }
    }
}

/// How `stored` keeps `password`, or `None` where it is not this password's, or no format that is known. `beside` are
/// other texts of the same row, of which one may be a salt.
pub fn recognize(stored: &str, password: &str, beside: &[&str]) -> Option<Scheme> {
    // A hostile database may hold anything: what no format fills is not looked at.
    if stored.len() > 1024 {
        return None;
    }
    parse::verified(stored, password, beside).or_else(|| fast::verified(stored, password, beside))
}

#[cfg(test)]
mod tests;
