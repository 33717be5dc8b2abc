//! How far the clock of an orchestrator is from ours. It refuses signed messages whose
//! time stamp is more than 60 s off, and its text for that does not say whose clock is
//! to blame.

use std::cell::Cell;
use std::time::SystemTime;

use tracing::{info, warn};

/// In seconds. An operator should hear of it before messages are refused.
const WORTH_A_WARNING: i64 = 30;

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
                "the clock of this machine is {}; signed messages that are more than 60 s off \
                 are refused",
                tell(ahead)
            );
        } else {
            info!(%orchestrator, "the clocks of this machine and the orchestrator agree again");
        }
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
    let whole = |length: std::time::Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
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
    use std::time::Duration;

    use super::*;

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
