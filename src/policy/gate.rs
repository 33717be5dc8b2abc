//! May we send to this endpoint now? Closed after failures and rate limits.

use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;

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
