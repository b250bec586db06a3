//! How often somebody may ask: a bucket for each, filled evenly, told by the `RateLimit` headers
//! (draft-ietf-httpapi-ratelimit-headers).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// So many are remembered; beyond that the full buckets are forgotten, which changes nothing for them.
const REMEMBERED: usize = 10_000;

/// Buckets by name.
pub(crate) struct Limiter {
    a_minute: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

/// What is left for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until the bucket is full again.
    pub(crate) reset: u64,
}

/// Somebody has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Seconds until the next one.
    pub(crate) retry_after: u64,
    pub(crate) limit: u32,
}

impl Limiter {
    pub(crate) fn new(a_minute: u32) -> Self {
        Limiter { a_minute: f64::from(a_minute.max(1)), buckets: Mutex::default() }
    }

    /// Takes one out of somebody's bucket.
    pub(crate) fn take(&self, who: &str) -> Result<Allowance, Wait> {
        self.take_at(who, Instant::now())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a minute's limit")]
    fn take_at(&self, who: &str, now: Instant) -> Result<Allowance, Wait> {
        let full = self.a_minute;
        let a_second = full / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| bucket.left + now.duration_since(bucket.at).as_secs_f64() * a_second < full);
            if buckets.len() >= REMEMBERED {
                // So many at once are one crowd: they share what is left.
                return Err(Wait { retry_after: 1, limit: full as u32 });
            }
        }
        let bucket = buckets.entry(who.to_owned()).or_insert(Bucket { left: full, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * a_second).min(full);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Wait { retry_after: ((1.0 - bucket.left) / a_second).ceil() as u64, limit: full as u32 });
        }
        bucket.left -= 1.0;
        let reset = ((full - bucket.left) / a_second).ceil() as u64;
        Ok(Allowance { limit: full as u32, remaining: bucket.left as u32, reset })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_fills_evenly() {
        let limiter = Limiter::new(2);
        let start = Instant::now();
        assert_eq!(limiter.take_at("a", start), Ok(Allowance { limit: 2, remaining: 1, reset: 30 }));
        assert_eq!(limiter.take_at("a", start), Ok(Allowance { limit: 2, remaining: 0, reset: 60 }));
        assert_eq!(limiter.take_at("a", start), Err(Wait { retry_after: 30, limit: 2 }));
        assert!(limiter.take_at("b", start).is_ok());
        assert!(limiter.take_at("a", start + Duration::from_secs(31)).is_ok());
    }
}
