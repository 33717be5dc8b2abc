//! Whether results get out, and when it is time to say that they do not.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::outbox::Ticket;

/// How long nothing more is said after a warning; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// The results of one orchestrator.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Those that an attempt has failed for.
    failing: HashSet<Ticket>,
    /// Whether somebody was warned who has to hear of the end of it.
    is_told: bool,
    /// Kept when results flow again: an orchestrator that fails now and then must not fill
    /// the log either.
    quiet_until: Option<Instant>,
    pause: Duration,
}

impl Flow {
    /// An attempt failed. Returns whether to warn.
    pub(super) fn failed(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.failing.insert(ticket);
        if self.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        self.pause = if self.is_told {
            (self.pause * 2).min(LONGEST_PAUSE)
        } else {
            FIRST_PAUSE
        };
        self.quiet_until = Some(now + self.pause);
        self.is_told = true;
        true
    }

    /// A result needs no more care. Returns whether to say that they flow again: none is left
    /// of those that had failed.
    pub(super) fn gone(&mut self, ticket: Ticket) -> bool {
        self.failing.remove(&ticket);
        self.failing.is_empty() && std::mem::take(&mut self.is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outbox;
    use super::*;
    use crate::config::Ambiguous;

    fn tickets(count: usize) -> Vec<Ticket> {
        let second = Duration::from_secs(1);
        let mut outbox = Outbox::new(1, 3, second, second, Ambiguous::default());
        (0..count).map(|_| outbox.add(0)).collect()
    }

    #[test]
    fn an_outage_is_told_at_first_then_now_and_then_and_its_end_once() {
        let (mut flow, all, start) = (Flow::default(), tickets(3), Instant::now());
        let told: Vec<u64> = (0..=3600)
            .step_by(10)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                flow.failed(all[usize::try_from(second / 10).unwrap() % 3], now)
            })
            .collect();
        let minutes: Vec<u64> = told.iter().map(|second| second / 60).collect();
        assert_eq!(minutes, [0, 1, 3, 7, 15, 30, 45, 60]);
        let ends: Vec<bool> = all.iter().map(|ticket| flow.gone(*ticket)).collect();
        assert_eq!(ends, [false, false, true]);
        assert!(!flow.gone(all[0]), "only once");
    }

    #[test]
    fn what_fails_now_and_then_does_not_fill_the_log() {
        let (mut flow, all, start) = (Flow::default(), tickets(1), Instant::now());
        let mut told = 0;
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            told += usize::from(flow.failed(all[0], now));
            told += usize::from(flow.gone(all[0]));
        }
        assert_eq!(told, 20, "a warning and its end a minute");
    }
}
