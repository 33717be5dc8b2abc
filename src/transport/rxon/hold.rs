//! How long a poll may take. One that is given up while the orchestrator still holds it
//! takes the next task with it, so it lasts as long as the orchestrator holds it.

use std::time::Duration;

/// How long the published orchestrators hold a poll, whatever it asks for (avtomatika
/// 1.0b12 and 1.0b30, by default).
const USUAL: Duration = Duration::from_secs(30);

/// How much longer than the hold a poll may take.
const MARGIN: Duration = Duration::from_secs(5);

/// A poll is given up after this time, whatever was seen.
const LONGEST: Duration = Duration::from_mins(5);

/// The hold of one orchestrator, as far as it is known.
#[derive(Debug)]
pub(super) struct Hold {
    asked: Duration,
    /// The longest that a poll was held before it came back empty, once one did.
    seen: Option<Duration>,
    /// The limit that takes the place of one which was too short.
    stretched: Duration,
    has_told: bool,
}

impl Hold {
    /// `asked` is the hold of the settings.
    pub(super) fn new(asked: Duration) -> Self {
        Self {
            asked,
            seen: None,
            stretched: Duration::ZERO,
            has_told: false,
        }
    }

    /// How long the next poll may wait for its answer.
    pub(super) fn limit(&self) -> Duration {
        let held = self.asked.max(self.seen.unwrap_or(USUAL));
        held.saturating_add(MARGIN).max(self.stretched)
    }

    /// A poll had an answer: those that had none were lost on the way.
    pub(super) fn answered(&mut self) {
        self.stretched = Duration::ZERO;
    }

    /// A poll came back empty after this time. Returns `true` the first time that this was
    /// later than the settings have it.
    pub(super) fn ended(&mut self, after: Duration) -> bool {
        self.seen = self.seen.max(Some(after.min(LONGEST)));
        self.answered();
        let is_late = after > self.asked.saturating_add(MARGIN);
        is_late && !std::mem::replace(&mut self.has_told, true)
    }

    /// A poll had no answer within `limit`. Returns the next limit, if it is another one.
    pub(super) fn was_late(&mut self, limit: Duration) -> Option<Duration> {
        let before = self.limit();
        self.stretched = self.stretched.max(limit.saturating_mul(2).min(LONGEST));
        let now = self.limit();
        (now > before).then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_poll_lasts_as_long_as_orchestrators_hold_it_whatever_is_set() {
        for (asked, limit) in [(1, 35), (30, 35), (60, 65)] {
            assert_eq!(Hold::new(seconds(asked)).limit(), seconds(limit));
        }
    }

    #[test]
    fn a_hold_that_is_longer_than_thought_is_learnt_and_told_once() {
        let mut hold = Hold::new(seconds(10));
        assert_eq!(hold.was_late(seconds(35)), Some(seconds(70)));
        assert_eq!(hold.was_late(seconds(35)), None, "sent before that one");
        assert!(hold.ended(seconds(60)));
        assert!(!hold.ended(seconds(60)), "told already");
        assert_eq!(hold.limit(), seconds(65));
    }

    #[test]
    fn a_hold_that_is_shorter_than_usual_is_learnt() {
        let mut hold = Hold::new(seconds(1));
        assert!(!hold.ended(seconds(1)));
        assert_eq!(hold.limit(), seconds(6));
    }

    #[test]
    fn polls_that_get_lost_do_not_make_the_others_wait() {
        let mut hold = Hold::new(seconds(30));
        for _ in 0..10 {
            assert_eq!(hold.was_late(seconds(35)), Some(seconds(70)));
            hold.answered();
            assert_eq!(hold.limit(), seconds(35));
        }
    }

    #[test]
    fn an_orchestrator_that_never_answers_is_given_up_in_the_end() {
        let mut hold = Hold::new(seconds(30));
        while let Some(longer) = hold.was_late(hold.limit()) {
            assert!(longer <= LONGEST);
        }
        assert_eq!(hold.limit(), LONGEST);
    }
}
