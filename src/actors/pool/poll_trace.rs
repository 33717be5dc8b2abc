//! Until when orchestrators may hold polls of this worker, whatever becomes of it. An
//! orchestrator that does not notice that a client is gone hands the next task of that
//! worker to the poll that it left (avtomatika, all releases).

use std::time::Duration;

use tokio::time::Instant;

/// What is recorded is so much more than has to be, so that not every poll needs a record; a
/// quarter of the hold, if that is less.
const ROUNDED_UP: Duration = Duration::from_secs(5);

/// The polls that cannot be taken back.
#[derive(Debug)]
pub(super) struct PollTrace {
    /// How long an orchestrator holds a poll.
    hold: Duration,
    /// Until when the polls that failed or were dropped may be held.
    left: Option<Instant>,
    recorded: Option<Instant>,
}

impl PollTrace {
    pub(super) fn new(hold: Duration) -> Self {
        Self {
            hold,
            left: None,
            recorded: None,
        }
    }

    /// A poll goes out. Returns for how long polls may be held from now on, if that is to be
    /// recorded anew.
    pub(super) fn sent(&mut self, now: Instant) -> Option<Duration> {
        let until = now.checked_add(self.hold)?;
        if self.recorded.is_some_and(|recorded| recorded >= until) {
            return None;
        }
        let more = ROUNDED_UP.min(self.hold / 4);
        self.recorded = until.checked_add(more);
        Some(self.hold.saturating_add(more))
    }

    /// How long an orchestrator holds a poll.
    pub(super) fn hold(&self) -> Duration {
        self.hold
    }

    /// Whether there was a poll at all.
    pub(super) fn has_sent(&self) -> bool {
        self.recorded.is_some()
    }

    /// A poll was given up without an answer.
    pub(super) fn left(&mut self, sent: Instant) {
        self.left = self.left.max(sent.checked_add(self.hold));
    }

    /// Returns for how long polls may be held that nobody reads any more.
    pub(super) fn held_for(&self, now: Instant) -> Duration {
        let until = self.left.unwrap_or(now);
        until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn many_polls_need_few_records_and_no_poll_is_held_longer_than_recorded() {
        let (start, mut trace) = (Instant::now(), PollTrace::new(30 * SECOND));
        let (mut records, mut recorded) = (0, start);
        for tenth in 0..1000 {
            let now = start + tenth * SECOND / 10;
            if let Some(held) = trace.sent(now) {
                records += 1;
                recorded = now + held;
            }
            assert!(recorded >= now + 30 * SECOND);
        }
        assert!((15..=21).contains(&records), "{records}");
    }

    #[test]
    fn only_polls_without_an_answer_are_left() {
        let (start, mut trace) = (Instant::now(), PollTrace::new(30 * SECOND));
        trace.sent(start);
        assert_eq!(trace.held_for(start), Duration::ZERO);
        trace.left(start + 2 * SECOND);
        trace.left(start);
        assert_eq!(trace.held_for(start + 10 * SECOND), 22 * SECOND);
        assert_eq!(trace.held_for(start + 40 * SECOND), Duration::ZERO);
    }
}
