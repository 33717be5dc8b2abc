//! Habits of the real orchestrator that a worker must survive, each off until
//! it is switched on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Dialect, Endpoint};

/// Which odd habits are on. All are off by default.
///
/// ```
/// use axon_worker::dev::{Quirks, RateLimits};
///
/// let quirks = Quirks {
///     rate_limits: Some(RateLimits { polls: 5, ..RateLimits::default() }),
///     ..Quirks::default()
/// };
/// # let _ = quirks;
/// ```
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // switches, each on its own
pub struct Quirks {
    /// Refuse with 429 when too many requests came, with a window that never slides.
    pub rate_limits: Option<RateLimits>,
    /// Do not notice that the client of a poll is gone: the next task that fits it
    /// within its hold time is handed to nobody and never comes back.
    pub aborted_polls_lose_tasks: bool,
    /// Do not queue: a job without an idle worker for it goes into quarantine at
    /// once, and a failure that should be retried then is answered with 500 and
    /// leaves its job stuck. Costs a look at every worker for each task.
    pub no_queue: bool,
    /// Refuse a wrong token with the status of the other dialect: 403 in 1.0b2, 401 in 1.0b17.
    pub swapped_refusals: bool,
    /// How answers are compressed. Default [`Compression::AsOffered`].
    pub compression: Compression,
    /// Compress answers of any size, not only those of 500 bytes and more.
    pub compress_small: bool,
    /// How many seconds the clock is ahead, negative for behind: the `Date` of answers, and
    /// the time with which time stamps are compared. Default 0.
    pub clock_offset: i64,
    /// Send tasks that a worker should not take. Default none. (1.0b17 only.)
    pub tampering: Option<Tampering>,
    /// Look for ended jobs only among the job ids in `current_tasks` of a heartbeat, as
    /// avtomatika 1.0b30 does: task ids then never come back as `cancel_task_ids`.
    pub cancels_by_job_id_only: bool,
    /// Ask workers to put off their next heartbeat by this time. Default none; avtomatika
    /// 1.0b30 never asks. (1.0b17 only.)
    pub heartbeat_jitter: Option<Duration>,
    /// Check parameters against the `input_schema` of the workers that are known, and put a
    /// job into quarantine when none of them takes its task, as avtomatika 1.0b30 does. Default
    /// no, so that a worker's own check can be seen. (1.0b17 only.)
    pub checks_params: bool,
    /// When a poll is over, hand it any task that waits, also one of a skill that the worker
    /// never offered.
    pub steals_tasks: bool,
    /// Hand out tasks of skills that are not among the `available_skills` of a worker, as
    /// avtomatika 1.0b30 does: it looks at the catalogue and at the status only. (1.0b17 only.)
    pub ignores_availability: bool,
}

/// How answers are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// With zstd (1.0b17 only) or gzip, if the client offers it, zstd if it offers both.
    #[default]
    AsOffered,
    /// Not at all.
    Off,
    /// With gzip, if the client offers it.
    Gzip,
    /// With zstd, if the client offers it.
    Zstd,
}

/// What is wrong with the tasks that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tampering {
    /// Parameters are changed after signing.
    Params,
    /// The signature is all zeros.
    Signature,
    /// There is no signature.
    Unsigned,
}

/// Limits per worker and path. The window of the real orchestrator never slides:
/// every request, also a refused one, renews the lifetime of the count, so a
/// client must be silent for a whole window to be let in again.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// Polls let through. Default 60.
    pub polls: u32,
    /// Heartbeats let through. Default 100, which is what 1.0b12 really does; 1.0b30 lets
    /// 120 through.
    pub heartbeats: u32,
    /// Requests of any other kind let through. Default 100. In 1.0b2 they are counted per
    /// path for all workers together, as those of one address are.
    pub others: u32,
    /// How long a count lives after the last request. Default 60 s.
    pub window: Duration,
    /// Send `Retry-After` with a refusal. Default no, as the real one.
    pub retry_after: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            polls: 60,
            heartbeats: 100,
            others: 100,
            window: Duration::from_mins(1),
            retry_after: false,
        }
    }
}

impl RateLimits {
    fn of(&self, endpoint: Endpoint) -> u32 {
        match endpoint {
            Endpoint::Poll => self.polls,
            Endpoint::Heartbeat => self.heartbeats,
            _ => self.others,
        }
    }
}

/// The counts behind [`RateLimits`].
#[derive(Debug, Default)]
pub(crate) struct RateCounts {
    counts: HashMap<(Endpoint, String), (u32, Instant)>,
}

impl RateCounts {
    /// Counts a request; false when it is to be refused.
    pub(crate) fn admit(
        &mut self,
        limits: &RateLimits,
        dialect: Dialect,
        endpoint: Endpoint,
        worker: Option<&str>,
        now: Instant,
    ) -> bool {
        // All requests of one address come together in 1.0b2, where the body is not looked at.
        let is_shared = matches!(
            endpoint,
            Endpoint::Register | Endpoint::Result | Endpoint::Token
        );
        let worker = worker.filter(|_| dialect.is_1_0b17() || !is_shared);
        let worker = worker.unwrap_or_default();
        let (count, last) = self
            .counts
            .entry((endpoint, worker.to_owned()))
            .or_insert((0, now));
        if now.duration_since(*last) >= limits.window {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *last = now;
        *count <= limits.of(endpoint)
    }

    pub(crate) fn clear(&mut self) {
        self.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_keeps_asking_is_never_let_in_again() {
        let limits = RateLimits {
            polls: 2,
            ..RateLimits::default()
        };
        let mut counts = RateCounts::default();
        let mut now = Instant::now();
        let dialect = Dialect::V1_0b2;
        let mut admitted = |now| counts.admit(&limits, dialect, Endpoint::Poll, Some("w"), now);
        assert!(admitted(now) && admitted(now));
        for _ in 0..100 {
            now += Duration::from_secs(59);
            assert!(!admitted(now), "each refused request renews the window");
        }
        assert!(admitted(now + Duration::from_mins(1)));
    }

    #[test]
    fn workers_have_counts_of_their_own_for_polls_and_share_those_for_results() {
        let limits = RateLimits {
            polls: 1,
            others: 1,
            ..RateLimits::default()
        };
        let mut counts = RateCounts::default();
        let now = Instant::now();
        let dialect = Dialect::V1_0b2;
        let mut admitted =
            |endpoint, worker| counts.admit(&limits, dialect, endpoint, Some(worker), now);
        assert!(admitted(Endpoint::Poll, "a"));
        assert!(admitted(Endpoint::Poll, "b"));
        assert!(!admitted(Endpoint::Poll, "a"));
        assert!(admitted(Endpoint::Result, "a"));
        assert!(!admitted(Endpoint::Result, "b"));
    }

    #[test]
    fn in_1_0b17_each_worker_has_counts_of_its_own_for_everything() {
        let limits = RateLimits {
            others: 1,
            ..RateLimits::default()
        };
        let mut counts = RateCounts::default();
        let now = Instant::now();
        let dialect = Dialect::V1_0b17;
        let mut admitted =
            |worker| counts.admit(&limits, dialect, Endpoint::Result, Some(worker), now);
        assert!(admitted("a") && admitted("b"));
        assert!(!admitted("a"));
    }
}
