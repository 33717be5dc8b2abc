//! What is noted of each task, and of heartbeats.

use std::time::Instant;

/// A task.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    /// When it should have gone out, if it was offered for a time.
    pub(crate) due: Option<Instant>,
    pub(crate) handed: Option<Instant>,
    /// When its first result came.
    pub(crate) done: Option<Instant>,
    /// How many results came.
    pub(crate) results: u32,
}

impl Entry {
    /// When it was due; if it was not offered for a time, when it went out.
    fn due_or_handed(&self) -> Option<Instant> {
        self.due.or(self.handed)
    }

    /// Seconds from this time to its result.
    fn done_after(&self, began: Option<Instant>) -> Option<f64> {
        Some(self.done?.saturating_duration_since(began?).as_secs_f64())
    }
}

/// All that was noted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) tasks: Vec<Entry>,
    pub(crate) beats: Vec<Instant>,
    /// Results that were no success.
    pub(crate) failures: u64,
}

impl Book {
    pub(super) fn entry(&mut self, number: u64) -> &mut Entry {
        let at = usize::try_from(number).unwrap_or(usize::MAX - 1);
        if self.tasks.len() <= at {
            self.tasks.resize(at + 1, Entry::default());
        }
        &mut self.tasks[at]
    }

    /// Seconds each finished task took from when it was due, sorted, of those due from
    /// `since` on.
    pub(crate) fn times_since(&self, since: Instant) -> Vec<f64> {
        self.times(since, Entry::due_or_handed)
    }

    /// The same from when each went out.
    pub(crate) fn times_from_hand_out(&self, since: Instant) -> Vec<f64> {
        self.times(since, |task| task.handed)
    }

    fn times(&self, since: Instant, began: impl Fn(&Entry) -> Option<Instant>) -> Vec<f64> {
        let is_counted = |task: &&Entry| task.due_or_handed().is_some_and(|at| at >= since);
        let counted = self.tasks.iter().filter(is_counted);
        let mut times: Vec<f64> = counted
            .filter_map(|task| task.done_after(began(task)))
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Tasks that went out and of which no result has come.
    pub(crate) fn missing(&self) -> usize {
        let out = self.tasks.iter().filter(|task| task.handed.is_some());
        out.filter(|task| task.results == 0).count()
    }

    /// The longest time without a heartbeat, in seconds, between these two times.
    pub(crate) fn longest_gap(&self, from: Instant, to: Instant) -> f64 {
        let inside = self
            .beats
            .iter()
            .copied()
            .filter(|at| *at > from && *at < to);
        let mut last = from;
        let mut longest = 0.0_f64;
        for at in inside.chain([to]) {
            longest = longest.max((at - last).as_secs_f64());
            last = at;
        }
        longest
    }
}
