//! Whether an orchestrator may have forgotten us because it did not hear of us for long,
//! although nothing failed here: the process was stopped, or the machine suspended.
//!
//! avtomatika 1.0b30 answers heartbeats of workers that it has forgotten with success, so
//! there is no other way to know.

use std::time::Duration;

use tokio::time::Instant;

/// A moment by two clocks: that of everything else here, which stands still while the machine
/// is suspended, and one that does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    /// Since the machine was started; zero where that is not known.
    awake_or_not: Duration,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            awake_or_not: since_boot(),
        }
    }

    /// How much time has passed since an earlier moment, by the clock that says more.
    fn since(self, earlier: Self) -> Duration {
        let awake = self.at.saturating_duration_since(earlier.at);
        awake.max(self.awake_or_not.saturating_sub(earlier.awake_or_not))
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    Duration::ZERO
}

/// When an orchestrator heard of us last.
#[derive(Debug, Default)]
pub(super) struct Lease {
    renewed: Option<Moment>,
    /// A heartbeat that is under way.
    sent: Option<Moment>,
}

impl Lease {
    /// It has registered us.
    pub(super) fn begin(&mut self, now: Moment) {
        self.renewed = Some(now);
        self.sent = None;
    }

    /// A heartbeat goes out.
    pub(super) fn sent(&mut self, now: Moment) {
        self.sent = Some(now);
    }

    /// That heartbeat was answered. Returns how long the orchestrator had not heard of us, if
    /// that is longer than it remembers workers.
    pub(super) fn answered(&mut self, length: Duration) -> Option<Duration> {
        let sent = self.sent.take()?;
        let silent = sent.since(self.renewed.replace(sent)?);
        (silent > length).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_mins(2);

    fn moment(start: Moment, awake: u64, suspended: u64) -> Moment {
        let awake = Duration::from_secs(awake);
        Moment {
            at: start.at + awake,
            awake_or_not: start.awake_or_not + awake + Duration::from_secs(suspended),
        }
    }

    #[test]
    fn a_gap_is_one_between_heartbeats_that_were_sent_and_answered() {
        let (mut lease, start) = (Lease::default(), Moment::now());
        lease.begin(start);
        lease.sent(moment(start, 100, 0));
        assert_eq!(lease.answered(LENGTH), None);
        // This one fails; the next comes too late.
        lease.sent(moment(start, 200, 0));
        lease.sent(moment(start, 221, 0));
        assert_eq!(lease.answered(LENGTH), Some(Duration::from_secs(121)));
        lease.begin(moment(start, 222, 0));
        lease.sent(moment(start, 230, 0));
        assert_eq!(lease.answered(LENGTH), None);
    }

    #[test]
    fn time_in_which_the_machine_was_suspended_counts() {
        let (mut lease, start) = (Lease::default(), Moment::now());
        lease.begin(start);
        lease.sent(moment(start, 10, 111));
        assert_eq!(lease.answered(LENGTH), Some(Duration::from_secs(121)));
    }

    #[test]
    fn an_answer_that_was_on_its_way_meanwhile_renews_nothing_later() {
        let (mut lease, start) = (Lease::default(), Moment::now());
        lease.begin(start);
        lease.sent(moment(start, 1, 0));
        // Stopped for an hour here; then the answer is read.
        assert_eq!(lease.answered(LENGTH), None);
        lease.sent(moment(start, 3601, 0));
        assert!(lease.answered(LENGTH).is_some());
    }
}
