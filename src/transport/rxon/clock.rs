//! How far the clock of an orchestrator is from ours. It refuses signed messages whose
//! time stamp is more than 60 s off, and its text for that does not say whose clock is
//! to blame.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

/// In seconds. An operator should hear of it before messages are refused.
const WORTH_A_WARNING: i64 = 30;

/// In seconds: a smaller difference may be none.
const SAME: i64 = 2;

/// What the answers of one orchestrator say of its clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Our clock minus its, in seconds, as of the last answer that had a date.
    ahead: Cell<Option<i64>>,
    warned: Cell<bool>,
}

impl Clock {
    /// Notes the date of an answer that has just come.
    pub(super) fn note(&self, date: Option<SystemTime>, now: SystemTime, orchestrator: &str) {
        let Some(date) = date else { return };
        let ahead = seconds(now) - seconds(date);
        self.ahead.set(Some(ahead));
        let is_off = ahead.abs() > WORTH_A_WARNING;
        if is_off == self.warned.get() {
            return;
        }
        self.warned.set(is_off);
        if is_off {
            warn!(
                %orchestrator,
                "the clock of this machine is {}; deadlines of its tasks are reckoned by its clock, \
                 but signed messages that are more than 60 s off are refused",
                tell(ahead)
            );
        } else {
            info!(%orchestrator, "the clocks of this machine and the orchestrator agree again");
        }
    }

    /// A moment of the orchestrator's clock by ours. Its dates are of whole seconds, and an
    /// answer takes its time: what may be that is no difference.
    pub(super) fn ours(&self, theirs: SystemTime) -> SystemTime {
        let ahead = self.ahead.get().unwrap_or(0);
        let apart = Duration::from_secs(ahead.unsigned_abs());
        let ours = match ahead {
            _ if ahead.abs() <= SAME => None,
            ..0 => theirs.checked_sub(apart),
            _ => theirs.checked_add(apart),
        };
        ours.unwrap_or(theirs)
    }

    /// What to add to a refusal because of the time, if anything is known.
    pub(super) fn explanation(&self) -> Option<String> {
        self.ahead
            .get()
            .map(|ahead| format!("the clock of this machine is {}", tell(ahead)))
    }
}

/// Since 1970; before that it is negative.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let whole = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    match since {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()),
    }
}

fn tell(ahead: i64) -> String {
    match ahead {
        0 => "that of the orchestrator".to_owned(),
        1.. => format!("{ahead} s ahead of the orchestrator's"),
        _ => format!("{} s behind the orchestrator's", -ahead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_moments_are_told_by_our_clock_where_they_differ() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let deadline = now + Duration::from_millis(40_250);
        let clock = Clock::default();
        assert_eq!(clock.ours(deadline), deadline, "nothing is known");
        for (ahead, expected) in [(-50, -50), (50, 50), (2, 0), (-2, 0), (3, 3), (0, 0)] {
            let moved = |by: i64, time: SystemTime| {
                let length = Duration::from_secs(by.unsigned_abs());
                if by < 0 { time - length } else { time + length }
            };
            clock.note(Some(moved(-ahead, now)), now, "o");
            assert_eq!(clock.ours(deadline), moved(expected, deadline), "{ahead}");
        }
    }

    #[test]
    fn it_tells_who_is_ahead() {
        let clock = Clock::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(clock.explanation(), None);
        clock.note(None, now, "o");
        assert_eq!(clock.explanation(), None);
        for (theirs, warned, text) in [
            (now, false, "is that of the orchestrator"),
            (
                now - Duration::from_secs(90),
                true,
                "is 90 s ahead of the orchestrator's",
            ),
            (
                now + Duration::from_secs(31),
                true,
                "is 31 s behind the orchestrator's",
            ),
            (
                now + Duration::from_secs(30),
                false,
                "is 30 s behind the orchestrator's",
            ),
            (
                SystemTime::UNIX_EPOCH - Duration::from_secs(5),
                true,
                "is 1700000005 s ahead of the orchestrator's",
            ),
        ] {
            clock.note(Some(theirs), now, "o");
            assert_eq!(clock.warned.get(), warned);
            let explained = clock.explanation().unwrap();
            assert_eq!(explained, format!("the clock of this machine {text}"));
        }
    }
}
