//! When to try again: exponential backoff, and the gate before an endpoint that is closed
//! after failures and rate limits. Time comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

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

/// The orchestrators measure rates in windows of 60 s that every request, also a
/// refused one, begins anew (avtomatika 1.0b12 and 1.0b30). Only silence for
/// longer than that helps.
const RATE_WINDOW: Duration = Duration::from_secs(61);
const RATE_JITTER: Duration = Duration::from_secs(4);

/// One endpoint of one orchestrator.
#[derive(Debug)]
pub(crate) struct Gate {
    backoff: Backoff,
    /// The least silence after a rate limit without a time.
    rate_floor: Duration,
    closed_until: Option<Instant>,
    rate_limited_until: Option<Instant>,
    failing: bool,
}

impl Gate {
    pub(crate) fn new(backoff: Backoff, rate_floor: Duration) -> Self {
        Self {
            backoff,
            rate_floor,
            closed_until: None,
            rate_limited_until: None,
            failing: false,
        }
    }

    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.closed_until.is_none_or(|until| until <= now)
    }

    /// When the gate opens, if it is closed.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        self.closed_until.filter(|until| *until > now)
    }

    /// Whether the last request failed: until one succeeds, a single request at a
    /// time tries the way.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing
    }

    pub(crate) fn succeeded(&mut self, now: Instant) {
        // A success that was under way when another request was rate limited
        // does not break the silence.
        if self.is_open(now) {
            self.closed_until = None;
        }
        self.failing = false;
        self.backoff.reset();
    }

    /// The other side was heard of elsewhere: the next attempt need not wait.
    pub(crate) fn reopen(&mut self, now: Instant) {
        self.closed_until = self.rate_limited_until.filter(|until| *until > now);
    }

    /// As [`Gate::reopen`], and a single request need not try the way first.
    pub(crate) fn recovered(&mut self, now: Instant) {
        self.reopen(now);
        self.failing = false;
    }

    /// Several requests that fail together count as one failure.
    pub(crate) fn failed(&mut self, now: Instant, jitter: f64) {
        self.failing = true;
        if self.is_open(now) {
            self.closed_until = Some(now + self.backoff.fail(jitter));
        }
    }

    /// The orchestrator said that we ask too often.
    pub(crate) fn rate_limited(&mut self, now: Instant, told: Option<Duration>, jitter: f64) {
        let silence = told.unwrap_or_else(|| {
            self.rate_floor.max(RATE_WINDOW) + RATE_JITTER.mul_f64(jitter.clamp(0.0, 1.0))
        });
        let until = now + silence;
        let until = self.closed_until.map_or(until, |other| other.max(until));
        self.closed_until = Some(until);
        self.rate_limited_until = Some(until);
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

    fn gate() -> Gate {
        let seconds = Duration::from_secs;
        Gate::new(Backoff::new(seconds(1), seconds(60), 2.0), seconds(30))
    }

    #[test]
    fn failures_that_come_together_count_once() {
        let (mut gate, now) = (gate(), Instant::now());
        for _ in 0..8 {
            gate.failed(now, 0.0);
        }
        assert_eq!(gate.opens_at(now), Some(now + Duration::from_secs(1)));
        assert!(gate.is_open(now + Duration::from_secs(1)));
    }

    #[test]
    fn an_unexplained_rate_limit_silences_for_longer_than_the_window() {
        let (mut gate, now) = (gate(), Instant::now());
        gate.rate_limited(now, None, 0.0);
        assert!(!gate.is_open(now + RATE_WINDOW - Duration::from_secs(1)));
        gate.rate_limited(now, None, 1.0);
        assert!(gate.is_open(now + Duration::from_secs(66)));
    }

    #[test]
    fn the_orchestrators_own_time_is_honoured() {
        let (mut gate, now) = (gate(), Instant::now());
        gate.rate_limited(now, Some(Duration::from_secs(7)), 0.5);
        assert_eq!(gate.opens_at(now), Some(now + Duration::from_secs(7)));
    }

    #[test]
    fn a_late_success_does_not_break_the_silence() {
        let (mut gate, now) = (gate(), Instant::now());
        gate.rate_limited(now, None, 0.0);
        gate.succeeded(now);
        assert!(!gate.is_open(now));
    }

    #[test]
    fn news_end_a_backoff_and_no_rate_limit() {
        let (mut gate, now) = (gate(), Instant::now());
        gate.failed(now, 0.0);
        gate.reopen(now);
        assert!(gate.is_open(now) && gate.is_failing());
        let until = now + Duration::from_secs(90);
        gate.rate_limited(now, Some(Duration::from_secs(90)), 0.0);
        gate.reopen(now);
        gate.recovered(now);
        assert_eq!(gate.opens_at(now), Some(until));
        assert!(!gate.is_failing());
    }

    #[test]
    fn a_second_rate_limit_shortens_nothing() {
        let (mut gate, now) = (gate(), Instant::now());
        gate.rate_limited(now, Some(Duration::from_secs(90)), 0.0);
        gate.rate_limited(now, Some(Duration::from_secs(5)), 0.0);
        assert_eq!(gate.opens_at(now), Some(now + Duration::from_secs(90)));
    }
}
