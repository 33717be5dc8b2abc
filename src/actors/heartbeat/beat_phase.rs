//! When regular heartbeats are due, so that workers that were started together, or had
//! the same news at the same moment, do not all speak at once from then on.

use std::time::Duration;

/// Regular beats come up to this share of the interval early, never late.
const EARLY: f64 = 0.1;

/// The first regular beat comes after this share of the interval at the soonest: right
/// after the start there is nothing to tell that the registration has not told.
const SOONEST: f64 = 0.2;

/// The wait before the first regular beat: anything up to the interval. `chance` in 0..1.
pub(crate) fn first_wait(every: Duration, chance: f64) -> Duration {
    every.mul_f64(SOONEST + (1.0 - SOONEST) * chance.clamp(0.0, 1.0))
}

/// The wait between a beat and the next regular one. `chance` in 0..1.
pub(crate) fn next_wait(every: Duration, chance: f64) -> Duration {
    every.mul_f64(1.0 - EARLY * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_beat_comes_later_than_its_interval_nor_much_earlier(
            millis in 1u64..100_000, chance in -1.0f64..2.0,
        ) {
            let every = Duration::from_millis(millis);
            prop_assert!(first_wait(every, chance) <= every);
            let next = next_wait(every, chance);
            prop_assert!(next <= every && next >= every.mul_f64(0.89));
        }
    }

    #[test]
    fn beats_that_began_together_drift_apart() {
        let every = Duration::from_secs(15);
        let mut chance = fastrand::Rng::with_seed(1);
        let mut due = [Duration::ZERO; 100];
        for due in &mut due {
            for _ in 0..100 {
                *due += next_wait(every, chance.f64());
            }
        }
        let (first, last) = (due.iter().min().unwrap(), due.iter().max().unwrap());
        assert!(*last > *first + every, "{first:?} to {last:?}");
    }
}
