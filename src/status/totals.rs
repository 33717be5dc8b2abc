//! Counts since the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::seconds;
use crate::task::Outcome;

/// Counts since the start of the worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Tasks that ended well, with a status of their own or without.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were called off.
    pub cancelled: u64,
    /// Tasks that the worker could not finish before it ended.
    pub interrupted: u64,
    /// Results that an orchestrator has acknowledged.
    pub delivered: u64,
    /// Results that no orchestrator would take.
    pub lost: u64,
    /// How long handlers had the tasks that have ended, all together.
    #[serde(serialize_with = "seconds::one")]
    pub run_time: Duration,
}

/// The counts, as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    interrupted: AtomicU64,
    delivered: AtomicU64,
    lost: AtomicU64,
    /// Microseconds.
    run_time: AtomicU64,
}

impl Tally {
    pub(super) fn ended(&self, outcome: &Outcome, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.run_time.fetch_add(micros, Ordering::Relaxed);
        let counter = match outcome {
            Outcome::Completed(_) => &self.succeeded,
            Outcome::Failed(_) => &self.failed,
            Outcome::Cancelled => &self.cancelled,
            Outcome::Interrupted(_) => &self.interrupted,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended_tasks(&self) -> usize {
        let totals = self.read();
        let sum = totals.succeeded + totals.failed + totals.cancelled + totals.interrupted;
        usize::try_from(sum).unwrap_or(usize::MAX)
    }

    pub(super) fn read(&self) -> Totals {
        Totals {
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            interrupted: self.interrupted.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            run_time: Duration::from_micros(self.run_time.load(Ordering::Relaxed)),
        }
    }
}
