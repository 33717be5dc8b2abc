//! When to open a command channel again that did not come about or has ended.

use std::time::Duration;

use tokio::time::Instant;

use crate::retry::Backoff;
use crate::transport::TransportError;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A link that lasted this long was a good one. Being let in alone says little:
/// two workers with one name let each other out at once, and avtomatika 1.0b12
/// looks at the token only after it has let us in.
const GOOD_LINK: Duration = Duration::from_secs(10);

/// The waits between the links to one orchestrator.
#[derive(Debug)]
pub(crate) struct ReconnectPolicy {
    backoff: Backoff,
    opened: Option<Instant>,
}

impl ReconnectPolicy {
    pub(crate) fn new() -> Self {
        Self {
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, 2.0),
            opened: None,
        }
    }

    /// A link is open.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// The link has ended, or none came about. How long to wait before the next.
    pub(crate) fn ended(&mut self, error: &TransportError, now: Instant, jitter: f64) -> Duration {
        let lasted = self.opened.take().map(|at| now.duration_since(at));
        if lasted.is_some_and(|time| time >= GOOD_LINK) {
            self.backoff.reset();
        }
        let wait = self.backoff.fail(jitter);
        match error {
            // We are not welcome, and that will not change soon.
            TransportError::Unauthorized { .. } | TransportError::Refused { .. } => {
                LONGEST_WAIT.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
            }
            TransportError::RateLimited {
                retry_after: Some(told),
            } => wait.max(*told),
            TransportError::RateLimited { retry_after: None } => LONGEST_WAIT + wait,
            _ => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> TransportError {
        let reason = "broken".to_owned();
        TransportError::NoAnswer { reason }
    }

    fn seconds(waits: &[Duration]) -> Vec<u64> {
        waits.iter().map(Duration::as_secs).collect()
    }

    #[test]
    fn waits_grow_while_nothing_comes_about_and_start_anew_after_a_good_link() {
        let (mut relink, mut now) = (ReconnectPolicy::new(), Instant::now());
        let waits: Vec<_> = (0..8).map(|_| relink.ended(&broken(), now, 0.0)).collect();
        assert_eq!(seconds(&waits), [1, 2, 4, 8, 16, 32, 60, 60]);
        relink.opened(now);
        now += GOOD_LINK;
        assert_eq!(relink.ended(&broken(), now, 0.0), FIRST_WAIT);
    }

    #[test]
    fn links_that_end_at_once_count_as_failures() {
        let (mut relink, now) = (ReconnectPolicy::new(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..4 {
            relink.opened(now);
            waits.push(relink.ended(&broken(), now + Duration::from_secs(9), 0.0));
        }
        assert_eq!(seconds(&waits), [1, 2, 4, 8]);
    }

    #[test]
    fn whoever_is_not_welcome_stays_away_for_long() {
        let reason = || "no".to_owned();
        for error in [
            TransportError::Unauthorized { reason: reason() },
            TransportError::Refused { reason: reason() },
        ] {
            let (mut relink, now) = (ReconnectPolicy::new(), Instant::now());
            relink.opened(now);
            for jitter in [0.0, 0.5, 1.0] {
                assert!(relink.ended(&error, now, jitter) >= LONGEST_WAIT / 2);
            }
        }
        let told = |retry_after| TransportError::RateLimited { retry_after };
        let mut relink = ReconnectPolicy::new();
        let hour = Duration::from_hours(1);
        assert_eq!(relink.ended(&told(Some(hour)), Instant::now(), 0.5), hour);
        assert!(relink.ended(&told(None), Instant::now(), 1.0) > LONGEST_WAIT);
    }
}
