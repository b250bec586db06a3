//! The OWASP minimum for password storage (Password Storage Cheat Sheet, 2026), in tiers.

use super::Scheme;

/// How well a scheme keeps a stolen database from giving up passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Readable, encoded, or a fast hash.
    Readable,
    /// Key stretching below the OWASP minimum.
    Slow,
    /// At or above the OWASP minimum.
    Owasp,
}

/// Memory in KiB and passes, any one of which is enough (argon2id, p=1).
const ARGON2: &[(u32, u32)] = &[(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
/// log2 of N and p at r=8, any one of which is enough.
const SCRYPT: &[(u8, u32)] = &[(17, 1), (16, 2), (15, 3), (14, 5), (13, 10)];

impl Scheme {
    /// The tier of the scheme with its parameters.
    pub fn strength(&self) -> Strength {
        let enough = match self {
            Scheme::Fast(_) => return Strength::Readable,
            Scheme::Argon2 { memory, passes, .. } => {
                // More memory at fewer passes than a row asks is still below it; each row stands alone.
                ARGON2.iter().any(|(m, t)| memory >= m && passes >= t)
            }
            Scheme::Bcrypt { cost } => *cost >= 10,
            Scheme::Scrypt { log_n, r, p } => *r >= 8 && SCRYPT.iter().any(|(n, parallel)| log_n >= n && p >= parallel),
            Scheme::Pbkdf2 { hash, iterations } => {
                let minimum = match *hash {
                    "SHA-512" => 220_000,
                    "SHA-1" => 1_400_000,
                    _ => 600_000,
                };
                *iterations >= minimum
            }
            // Not in the table; its designers call for far more rounds than any default has.
            Scheme::ShaCrypt { .. } => false,
        };
        if enough { Strength::Owasp } else { Strength::Slow }
    }
}

/// Whether a scheme is no stretching at all.
pub(crate) fn is_readable(scheme: &Scheme) -> bool {
    scheme.strength() == Strength::Readable
}
