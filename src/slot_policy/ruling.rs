//! What a policy answers.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::id::TaskName;

/// The shortest time before a policy is asked again on its own wish.
const SOONEST: Duration = Duration::from_millis(10);
/// And the longest, so that clocks can add it up.
const LATEST: Duration = Duration::from_hours(365 * 24);

/// The answer of a [`SlotPolicy`](super::SlotPolicy).
///
/// ```
/// use std::time::Duration;
/// use axon_worker::slot_policy::Ruling;
///
/// let ruling = Ruling::yes().without("train").ask_again_in(Duration::from_secs(60));
/// assert!(ruling.is_yes());
/// assert!(!ruling.and(Ruling::not_now("the disk is full")).is_yes());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Ruling {
    refused: Option<String>,
    without: BTreeSet<TaskName>,
    again: Option<Duration>,
}

impl Ruling {
    /// A slot may be reserved.
    pub fn yes() -> Self {
        Self::default()
    }

    /// No slot may be reserved now. The reason is for people: the log and the status.
    pub fn not_now(because: impl Into<String>) -> Self {
        Self {
            refused: Some(because.into()),
            ..Self::default()
        }
    }

    /// Orchestrators are told that tasks of this handler are not wanted now. One that
    /// comes all the same is run. Without all of its handlers, a worker sends no polls.
    pub fn without(mut self, task: impl Into<TaskName>) -> Self {
        self.without.insert(task.into());
        self
    }

    /// Asks for a new question after this time, at least 10 ms and at most a year.
    pub fn ask_again_in(mut self, time: Duration) -> Self {
        self.again = Some(time.clamp(SOONEST, LATEST));
        self
    }

    /// Whether a slot may be reserved.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.refused.is_none()
    }

    /// Why not.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// After which time the policy wants to be asked again.
    #[must_use]
    pub fn again(&self) -> Option<Duration> {
        self.again
    }

    pub(crate) fn unwanted(&self) -> &BTreeSet<TaskName> {
        &self.without
    }

    /// Yes when both are; without what either is without.
    pub fn and(mut self, mut other: Self) -> Self {
        self.without.append(&mut other.without);
        Self {
            refused: both(self.refused, other.refused),
            again: sooner(self.again, other.again),
            without: self.without,
        }
    }

    /// Yes when one is; without what that one is without, or both of them are.
    pub fn or(self, other: Self) -> Self {
        let again = sooner(self.again, other.again);
        let chosen = match (&self.refused, &other.refused) {
            (None, None) => Self {
                without: &self.without & &other.without,
                ..Self::default()
            },
            (None, Some(_)) => self,
            (Some(_), None) => other,
            (Some(_), Some(_)) => self.and(other),
        };
        Self { again, ..chosen }
    }
}

fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    }
}

fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn both_have_to_agree_and_their_wishes_add_up() {
        let slow = Ruling::yes().without("a").ask_again_in(3 * SECOND);
        let ruling = slow
            .clone()
            .and(Ruling::yes().without("b").ask_again_in(SECOND));
        assert!(ruling.is_yes());
        assert_eq!(ruling.unwanted().len(), 2);
        assert_eq!(ruling.again(), Some(SECOND));
        let ruling = Ruling::not_now("x").and(slow).and(Ruling::not_now("y"));
        assert_eq!(ruling.reason(), Some("x; y"));
        assert_eq!(ruling.again(), Some(3 * SECOND));
    }

    #[test]
    fn one_that_agrees_is_enough() {
        let no = Ruling::not_now("x").without("c").ask_again_in(SECOND);
        let yes = Ruling::yes().without("a").without("b");
        let ruling = no.clone().or(yes.clone());
        assert!(ruling.is_yes());
        assert_eq!(ruling.unwanted(), yes.unwanted());
        assert_eq!(ruling.again(), Some(SECOND));
        assert_eq!(no.clone().or(no).reason(), Some("x; x"));
        let shared = yes.or(Ruling::yes().without("b"));
        assert!(shared.unwanted().iter().eq([&TaskName::from("b")]));
    }

    #[test]
    fn nobody_is_asked_without_a_pause_or_after_the_end_of_time() {
        let ruling = Ruling::yes().ask_again_in(Duration::ZERO);
        assert_eq!(ruling.again(), Some(SOONEST));
        let ruling = Ruling::yes().ask_again_in(Duration::MAX);
        assert_eq!(ruling.again(), Some(LATEST));
    }
}
