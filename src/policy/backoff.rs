//! Waiting longer after each failure, never in step with other workers.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
    factor: f64,
    /// The wait after the next failure, before jitter.
    next: Duration,
}

impl Backoff {
    /// From `initial`, times `factor` after each failure, up to `max`.
    pub(crate) fn new(initial: Duration, max: Duration, factor: f64) -> Self {
        let max = max.max(Duration::from_millis(1));
        let initial = initial.clamp(Duration::from_millis(1), max);
        Self {
            initial,
            max,
            factor: factor.max(1.0),
            next: initial,
        }
    }

    /// The wait after one more failure. `jitter` in 0..1 takes off up to half, so
    /// that workers that failed together do not come back together.
    pub(crate) fn fail(&mut self, jitter: f64) -> Duration {
        let wait = self.next;
        self.next =
            Duration::from_secs_f64((wait.as_secs_f64() * self.factor).min(self.max.as_secs_f64()));
        wait.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// After a success the next failure starts small again.
    pub(crate) fn reset(&mut self) {
        self.next = self.initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_anew() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(5), 2.0);
        let waits: Vec<_> = (0..5).map(|_| backoff.fail(0.0)).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5].map(seconds));
        backoff.reset();
        assert_eq!(backoff.fail(0.0), seconds(1));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_zero_and_never_above_the_limit(
            initial in 0u64..100_000, max in 0u64..100_000, factor in -1.0f64..100.0,
            jitter in 0.0f64..1.0, failures in 1usize..40,
        ) {
            let limit = Duration::from_millis(max.max(1));
            let mut backoff =
                Backoff::new(Duration::from_millis(initial), Duration::from_millis(max), factor);
            for _ in 0..failures {
                let wait = backoff.fail(jitter);
                prop_assert!(wait > Duration::ZERO && wait <= limit);
            }
        }
    }
}
