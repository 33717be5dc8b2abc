//! When the next heartbeat to one orchestrator may go.
//!
//! avtomatika 1.0b30 counts heartbeats, and answers 429 to those beyond 120 a minute. So
//! what decides about tasks is told at once, and the rest, such as which tasks run, no more
//! often on the whole than once per cool-down; a few in a row need not wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::TaskName;
use crate::transport::{Availability, Report};

/// So many heartbeats in a row need not wait.
const AT_ONCE: f64 = 8.0;

/// The longest that an orchestrator can put off a heartbeat. It forgets a worker that it
/// has not heard of for 120 s.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// Why there is a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BeatCause {
    /// It is time.
    Regular,
    /// Something has changed.
    Change,
}

/// The pace of the heartbeats to one orchestrator.
#[derive(Debug)]
pub(crate) struct BeatPace {
    cooldown: Duration,
    /// How many may go at once, as of `counted`.
    left: f64,
    counted: Option<Instant>,
    last: Option<Decisive>,
    /// For how long the next regular one is to be put off.
    put_off: Option<Duration>,
}

/// What decides which tasks we get.
#[derive(Debug, Clone, PartialEq)]
struct Decisive {
    availability: Availability,
    available: Arc<[TaskName]>,
    hot_cache: Arc<[String]>,
    hot_skills: Arc<[String]>,
}

impl From<&Report> for Decisive {
    fn from(report: &Report) -> Self {
        Self {
            availability: report.availability,
            available: report.available.clone(),
            hot_cache: report.hot_cache.clone(),
            hot_skills: report.hot_skills.clone(),
        }
    }
}

impl BeatPace {
    pub(crate) fn new(cooldown: Duration) -> Self {
        Self {
            cooldown,
            left: AT_ONCE,
            counted: None,
            last: None,
            put_off: None,
        }
    }

    /// Until when this state has to wait; `counted`: the orchestrator counts heartbeats.
    pub(crate) fn wait(
        &mut self,
        report: &Report,
        cause: BeatCause,
        counted: bool,
        now: Instant,
    ) -> Option<Instant> {
        if cause == BeatCause::Regular
            && let Some(delay) = self.put_off.take()
        {
            return Some(now + delay);
        }
        if !counted || self.last.as_ref() != Some(&report.into()) {
            return None;
        }
        self.recover(now);
        (self.left < 1.0).then(|| now + self.cooldown.mul_f64(1.0 - self.left))
    }

    /// This state is on its way.
    pub(crate) fn sent(&mut self, report: &Report, now: Instant) {
        self.recover(now);
        self.left = (self.left - 1.0).max(0.0);
        self.last = Some(report.into());
    }

    /// The orchestrator wants to hear the next regular one so much later.
    pub(crate) fn put_off(&mut self, delay: Option<Duration>) {
        self.put_off = delay.map(|delay| delay.min(LONGEST_DELAY));
    }

    fn recover(&mut self, now: Instant) {
        let since = self.counted.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(since).as_secs_f64();
        let cooldown = self.cooldown.as_secs_f64();
        self.left = if cooldown > 0.0 {
            (self.left + passed / cooldown).min(AT_ONCE)
        } else {
            AT_ONCE
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(2);

    fn idle() -> Report {
        Report {
            availability: Availability::Idle,
            available: Arc::new(["echo".into()]),
            running: Arc::new([]),
            hot_cache: Arc::new([]),
            hot_skills: Arc::new([]),
            usage: None,
        }
    }

    /// Sends the same state whenever it may go, from `now` on.
    fn sent_within(pace: &mut BeatPace, start: Instant, length: Duration) -> usize {
        let (mut now, mut sent) = (start, 0);
        while now < start + length {
            match pace.wait(&idle(), BeatCause::Change, true, now) {
                Some(until) => now = until.max(now + Duration::from_millis(1)),
                None => {
                    pace.sent(&idle(), now);
                    sent += 1;
                }
            }
        }
        sent
    }

    #[test]
    fn a_few_go_at_once_and_then_one_per_cooldown() {
        let (mut pace, start) = (BeatPace::new(COOLDOWN), Instant::now());
        assert_eq!(sent_within(&mut pace, start, Duration::from_millis(1)), 8);
        let later = start + Duration::from_mins(1);
        // Those that have been saved up meanwhile, and the regular ones.
        assert_eq!(sent_within(&mut pace, later, COOLDOWN * 10), 8 + 9);
    }

    #[test]
    fn what_decides_about_tasks_never_waits() {
        let (mut pace, now) = (BeatPace::new(COOLDOWN), Instant::now());
        sent_within(&mut pace, now, Duration::from_millis(1));
        assert!(pace.wait(&idle(), BeatCause::Change, true, now).is_some());
        assert!(pace.wait(&idle(), BeatCause::Change, false, now).is_none());
        let full = Report {
            availability: Availability::Full,
            ..idle()
        };
        let hot = Report {
            hot_cache: Arc::new(["model".to_owned()]),
            ..idle()
        };
        for decisive in [full, hot] {
            assert_eq!(pace.wait(&decisive, BeatCause::Change, true, now), None);
        }
    }

    #[test]
    fn without_a_cooldown_nothing_waits() {
        let (mut pace, now) = (BeatPace::new(Duration::ZERO), Instant::now());
        for _ in 0..100 {
            assert_eq!(pace.wait(&idle(), BeatCause::Change, true, now), None);
            pace.sent(&idle(), now);
        }
    }

    #[test]
    fn one_regular_beat_is_put_off_and_not_for_too_long() {
        let (mut pace, now) = (BeatPace::new(COOLDOWN), Instant::now());
        pace.put_off(Some(Duration::from_secs(3)));
        assert_eq!(pace.wait(&idle(), BeatCause::Change, false, now), None);
        let until = pace.wait(&idle(), BeatCause::Regular, false, now);
        assert_eq!(until, Some(now + Duration::from_secs(3)));
        assert_eq!(pace.wait(&idle(), BeatCause::Regular, false, now), None);
        pace.put_off(Some(Duration::from_hours(5)));
        let until = pace.wait(&idle(), BeatCause::Regular, false, now);
        assert_eq!(until, Some(now + Duration::from_mins(1)));
    }
}
