//! How much of a processor the machine has to spare: a grader that shares it with other work must not take that work's
//! slowness for the submission's.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a measurement takes.
const MEASURING: Duration = Duration::from_millis(150);
/// Steps of one piece of work: some tenths of a millisecond, which is shorter than a scheduler's time slice.
const STEPS: u32 = 60_000;

/// From this share of a processor on, the machine excuses nothing.
pub(crate) const FREE: f64 = 0.8;

/// Whether others take so much of the machine that lateness may be theirs.
pub(crate) async fn is_taken() -> bool {
    share().await < FREE
}

/// The share of a processor that a thread gets which wants one whole, from 0 to 1. Measured while the submission has
/// nothing to do, it shows what others leave.
pub(crate) async fn share() -> f64 {
    // A thread that cannot be had says nothing about the machine: nobody is excused by it.
    tokio::task::spawn_blocking(measure).await.unwrap_or(1.0)
}

fn measure() -> f64 {
    let began = Instant::now();
    let mut pieces = Vec::new();
    while began.elapsed() < MEASURING {
        let started = Instant::now();
        let mut value = 0x9E37_79B9_u32;
        for step in 0..STEPS {
            value = black_box(value.rotate_left(5) ^ step);
        }
        black_box(value);
        pieces.push(started.elapsed());
    }
    share_of(&mut pieces, began.elapsed())
}

/// The typical piece was not interrupted: had they all been like it, they would have taken that share of the time.
fn share_of(pieces: &mut [Duration], total: Duration) -> f64 {
    pieces.sort_unstable();
    let Some(typical) = pieces.get(pieces.len() / 2) else { return 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "some hundred pieces")]
    let wanted = typical.as_secs_f64() * pieces.len() as f64;
    (wanted / total.as_secs_f64()).clamp(0.01, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interruptions_lower_the_share() {
        let millis = Duration::from_millis;
        let mut free = vec![millis(1); 100];
        assert!((share_of(&mut free, millis(100)) - 1.0).abs() < 1e-9);
        // Every tenth piece waited for nine others: 90 ms of work in 190 ms.
        let mut busy: Vec<Duration> = (0..100).map(|at| millis(if at % 10 == 0 { 10 } else { 1 })).collect();
        let share = share_of(&mut busy, millis(190));
        assert!((share - 100.0 / 190.0).abs() < 1e-9, "{share}");
        assert!((share_of(&mut [], millis(0)) - 1.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn a_share_is_a_share() {
        let share = share().await;
        assert!((0.01..=1.0).contains(&share), "{share}");
    }
}
