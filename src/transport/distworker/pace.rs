//! When to connect again, and when to give up.

use std::time::Duration;

use crate::retry::Backoff;

/// The longest wait, unless the first one is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// So many refusals of an id that was accepted before mean that its session is gone
/// for good: the controller forgets it with the connection (v0.0.6).
const REFUSALS: u32 = 3;

/// How a connection, or an attempt at one, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// In any way that may be another the next time.
    Broken,
    /// The controller did not accept the registration.
    Refused,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Wait(Duration),
    /// There were too many failures in a row.
    TooMany(u32),
    /// The controller does not know our id any more.
    SessionGone,
}

/// The waits between the connections of one lane. There is one after every end, polite
/// or not: a controller that takes us in and shows us out must not be asked in a loop.
#[derive(Debug)]
pub(super) struct Pace {
    backoff: Backoff,
    limit: Option<u32>,
    /// Whether we have an id of the controller's.
    has_id: bool,
    was_in: bool,
    failures: u32,
    refusals: u32,
}

impl Pace {
    pub(super) fn new(first: Duration, limit: Option<u32>, has_id: bool) -> Self {
        Self {
            backoff: Backoff::new(first, LONGEST.max(first), 2.0),
            limit,
            has_id,
            was_in: false,
            failures: 0,
            refusals: 0,
        }
    }

    /// A registration was accepted. The handshake alone says nothing.
    pub(super) fn registered(&mut self) {
        self.backoff.reset();
        (self.failures, self.refusals, self.was_in) = (0, 0, true);
    }

    pub(super) fn ended(&mut self, end: End, jitter: f64) -> Next {
        self.failures += 1;
        self.refusals += u32::from(end == End::Refused);
        if self.has_id && self.was_in && self.refusals >= REFUSALS {
            return Next::SessionGone;
        }
        if self.limit.is_some_and(|limit| self.failures > limit) {
            return Next::TooMany(self.failures);
        }
        Next::Wait(self.backoff.fail(jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pace: &mut Pace, count: usize) -> Vec<u64> {
        let wait = |_| match pace.ended(End::Broken, 0.0) {
            Next::Wait(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn waits_grow_and_start_anew_after_a_registration() {
        let mut pace = Pace::new(Duration::from_secs(1), None, false);
        assert_eq!(seconds(&mut pace, 7), [1, 2, 4, 8, 16, 30, 30]);
        pace.registered();
        assert_eq!(seconds(&mut pace, 2), [1, 2]);
        let mut pace = Pace::new(Duration::from_mins(1), None, false);
        assert_eq!(seconds(&mut pace, 2), [60, 60]);
    }

    #[test]
    fn attempts_are_limited_from_the_last_registration_on() {
        let mut pace = Pace::new(Duration::from_secs(1), Some(2), false);
        seconds(&mut pace, 2);
        pace.registered();
        seconds(&mut pace, 2);
        assert_eq!(pace.ended(End::Refused, 0.0), Next::TooMany(3));
        let mut never = Pace::new(Duration::from_secs(1), Some(0), false);
        assert_eq!(never.ended(End::Broken, 0.0), Next::TooMany(1));
    }

    #[test]
    fn an_id_that_is_not_accepted_any_more_is_gone() {
        let refuse = |pace: &mut Pace| (0..3).map(|_| pace.ended(End::Refused, 0.0)).last();
        let mut pace = Pace::new(Duration::from_secs(1), None, true);
        assert!(
            matches!(refuse(&mut pace), Some(Next::Wait(_))),
            "it may not be there yet"
        );
        pace.registered();
        assert_eq!(refuse(&mut pace), Some(Next::SessionGone));
        let mut without = Pace::new(Duration::from_secs(1), None, false);
        without.registered();
        assert!(matches!(refuse(&mut without), Some(Next::Wait(_))));
    }
}
