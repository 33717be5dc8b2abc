//! Whether something that must be short takes too long. A single long step may be the
//! machine's fault, which had something else to do meanwhile.

use std::time::{Duration, Instant};

/// What was too long lately.
#[derive(Debug, Default)]
pub(crate) struct Slowness {
    /// The last but one, and the last.
    before: Option<Instant>,
    last: Option<Instant>,
}

impl Slowness {
    /// Shorter steps need not be told of.
    pub(crate) const SHORT: Duration = Duration::from_millis(5);
    /// No machine is to blame for this.
    const LONG: Duration = Duration::from_millis(100);
    const LATELY: Duration = Duration::from_mins(1);

    /// A step that was not short has ended. `true`: it is the third one lately, or very long.
    pub(crate) fn is_too_much(&mut self, took: Duration, now: Instant) -> bool {
        let third_last = self.before;
        self.before = self.last.replace(now);
        took >= Self::LONG || third_last.is_some_and(|at| now - at <= Self::LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_very_long_step_is_too_much_and_so_is_the_third_long_one_within_a_minute() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert!(Slowness::default().is_too_much(Slowness::LONG, now));
        let mut slowness = Slowness::default();
        let mut step = |after: u32| slowness.is_too_much(Slowness::SHORT, now + second * after);
        assert!(!step(0) && !step(59));
        assert!(!step(61), "the first one is more than a minute ago");
        assert!(!step(120));
        assert!(step(121), "since 61");
    }
}
