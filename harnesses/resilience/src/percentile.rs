//! Percentiles of measured times.

use std::time::Duration;

/// The smallest of `times` that at least `percent` of them do not exceed (nearest rank); `None` where there are none.
/// `percent` is above 0 and at most 100.
pub(crate) fn percentile(times: &[Duration], percent: u32) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent.clamp(1, 100) as usize).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(times: &[u64]) -> Vec<Duration> {
        times.iter().map(|time| Duration::from_millis(*time)).collect()
    }

    #[test]
    fn the_nearest_rank_is_taken() {
        // The worked example of the nearest-rank method.
        let times = millis(&[15, 20, 35, 40, 50]);
        for (percent, expected) in [(5, 15), (30, 20), (40, 20), (50, 35), (100, 50)] {
            assert_eq!(percentile(&times, percent), Some(Duration::from_millis(expected)), "{percent} %");
        }
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&millis(&hundred), 95), Some(Duration::from_millis(95)));
        assert_eq!(percentile(&millis(&[7]), 95), Some(Duration::from_millis(7)));
        assert_eq!(percentile(&[], 95), None);
    }

    proptest! {
        #[test]
        fn enough_times_are_within_and_too_few_are_below(times in prop::collection::vec(0_u64..10_000, 1..200), percent in 1_u32..=100) {
            let times = millis(&times);
            let found = percentile(&times, percent).expect("there are times");
            let within = times.iter().filter(|time| **time <= found).count();
            let below = times.iter().filter(|time| **time < found).count();
            prop_assert!(within * 100 >= times.len() * percent as usize);
            prop_assert!(below * 100 < times.len() * percent as usize);
        }
    }
}
