//! Trying again, and noticing that nothing moves.

use std::future::Future;
use std::time::Duration;

use crate::policy::Backoff;
use crate::storage::object::meter::Meter;
use crate::storage::object::{ObjectUri, StorageError};

use super::TransferLimits;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(10);
/// An attempt that got this far was no failure in a row.
const HEADWAY: u64 = 256 * 1024;

/// Counts the failures of one request.
#[derive(Debug)]
pub(super) struct Retries {
    left: u32,
    max: u32,
    backoff: Backoff,
    moved: u64,
}

impl Retries {
    pub(super) fn new(limits: &TransferLimits) -> Self {
        Self {
            left: limits.max_retries,
            max: limits.max_retries,
            backoff: Backoff::new(limits.retry_delay, LONGEST, 2.0),
            moved: 0,
        }
    }

    /// Waits before the next attempt; false if there is none.
    pub(super) async fn again(&mut self, error: &StorageError, meter: Option<&Meter>) -> bool {
        if !error.is_retryable() {
            return false;
        }
        let moved = meter.map_or(0, Meter::moved);
        if moved - self.moved >= HEADWAY {
            self.left = self.max;
            self.backoff.reset();
        }
        self.moved = moved;
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let wait = self.backoff.fail(fastrand::f64());
        tracing::debug!(%error, ?wait, left = self.left, "trying again");
        if let Some(meter) = meter {
            meter.retried();
        }
        tokio::time::sleep(wait).await;
        true
    }
}

/// One attempt, ended when not a byte moves for `stall`.
pub(super) async fn watched<T>(
    attempt: impl Future<Output = Result<T, StorageError>>,
    meter: Option<&Meter>,
    uri: &ObjectUri,
    stall: Duration,
) -> Result<T, StorageError> {
    let moved = || meter.map_or(0, Meter::moved);
    let watch = async {
        let (mut before, mut still) = (moved(), 0);
        while still < 4 {
            tokio::time::sleep(stall / 4).await;
            let now = moved();
            still = if now == before { still + 1 } else { 0 };
            before = now;
        }
    };
    tokio::select! {
        biased;
        done = attempt => done,
        () = watch => Err(StorageError::Stalled { uri: uri.clone(), after: stall }),
    }
}
