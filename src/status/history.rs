//! What was, for plots: the numbers as they stood at the last heartbeats.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back it goes, which is as far as the plots of the status page do.
const SPAN: Duration = Duration::from_mins(2);
/// Heartbeats may follow changes ten times a second; so many moments are not needed.
const APART: Duration = Duration::from_secs(1);

/// The numbers of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "health"), allow(dead_code, reason = "pages only"))]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    /// Tasks that had ended.
    pub(crate) ended: usize,
    /// How long handlers had had those.
    pub(crate) run_time: Duration,
    /// The slowest last answer of an orchestrator to a heartbeat.
    pub(crate) latency: Option<Duration>,
}

/// The last moments, oldest first; at most `SPAN / APART` and one.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Moment>);

impl History {
    /// Keeps what `moment` tells, unless that was done just now.
    pub(super) fn keep(&mut self, at: Instant, moment: impl FnOnce() -> Moment) {
        let is_soon = |last: &Moment| at.saturating_duration_since(last.at) < APART;
        if self.0.back().is_some_and(is_soon) {
            return;
        }
        let is_old = |first: &Moment| at.saturating_duration_since(first.at) > SPAN;
        while self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.push_back(moment());
    }

    /// All of them that are not too old, oldest first.
    #[cfg_attr(not(feature = "health"), allow(dead_code, reason = "pages only"))]
    pub(super) fn read(&self, now: Instant) -> Vec<Moment> {
        let is_new = |it: &&Moment| now.saturating_duration_since(it.at) <= SPAN;
        self.0.iter().filter(is_new).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at: Instant, ended: usize) -> Moment {
        Moment {
            at,
            ended,
            run_time: Duration::ZERO,
            latency: None,
        }
    }

    #[test]
    fn it_is_bounded_however_long_and_often_hearts_beat() {
        let (mut history, start) = (History::default(), Instant::now());
        let mut now = start;
        for ended in 0..10_000 {
            now = start + Duration::from_millis(100) * u32::try_from(ended).unwrap();
            history.keep(now, || moment(now, ended));
        }
        let last = history.0.back().expect("the last moment").at;
        let kept = history.read(last);
        let most = usize::try_from(SPAN.as_secs()).unwrap() + 1;
        assert_eq!((kept.len(), history.0.len()), (most, most));
        assert_eq!(kept.last().unwrap().ended, 9990);
        assert!(kept.is_sorted_by(|one, next| next.at - one.at == APART));
        // A worker that tells nothing any more has no news.
        assert!(history.read(now + 2 * SPAN).is_empty());
    }

    #[test]
    fn slow_hearts_have_a_moment_for_each_beat() {
        let (mut history, start) = (History::default(), Instant::now());
        for beat in 0..4 {
            let now = start + Duration::from_secs(30) * beat;
            history.keep(now, || moment(now, 0));
        }
        assert_eq!(history.read(start + Duration::from_secs(100)).len(), 4);
    }
}
