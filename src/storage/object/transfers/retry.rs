//! Trying again, and noticing that nothing moves.

use std::future::Future;
use std::time::Duration;

use crate::retry::Backoff;
use crate::storage::object::meter::Meter;
use crate::storage::object::{ObjectUri, StorageError};

use super::TransferLimits;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(10);
/// With this much more that need not be moved again, failures are no longer in a row.
const HEADWAY: u64 = 256 * 1024;

/// Counts the failures of one request.
#[derive(Debug)]
pub(super) struct Retries {
    left: u32,
    max: u32,
    backoff: Backoff,
    /// What the transfer had kept when the failures began to be counted.
    kept: u64,
    was_told: bool,
}

impl Retries {
    pub(super) fn new(limits: &TransferLimits) -> Self {
        Self {
            left: limits.max_retries,
            max: limits.max_retries,
            backoff: Backoff::new(limits.retry_delay, LONGEST, 2.0),
            kept: 0,
            was_told: false,
        }
    }

    /// Waits before the next attempt; false if there is none.
    pub(super) async fn again(&mut self, error: &StorageError, meter: Option<&Meter>) -> bool {
        if !error.is_retryable() {
            return false;
        }
        // Bytes that moved say nothing: an upload that is refused moves all of its own each
        // time. Only what is kept brings the transfer nearer to its end.
        let kept = meter.map_or(0, Meter::kept);
        if kept - self.kept >= HEADWAY {
            self.kept = kept;
            self.left = self.max;
            self.backoff.reset();
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let wait = self.backoff.fail(fastrand::f64());
        if self.is_first_trouble(meter) {
            tracing::warn!(%error, left = self.left, "storage request failed, trying again");
        } else {
            tracing::debug!(%error, ?wait, left = self.left, "storage request failed, trying again");
        }
        if let Some(meter) = meter {
            meter.retried();
        }
        tokio::time::sleep(wait).await;
        true
    }

    /// A transfer is warned of once, however many requests of it fail.
    fn is_first_trouble(&mut self, meter: Option<&Meter>) -> bool {
        match meter {
            Some(meter) => meter.is_first_trouble(),
            None => !std::mem::replace(&mut self.was_told, true),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::object::Direction;
    use crate::storage::object::meter::News;

    fn meter() -> Meter {
        let uri = Arc::new(ObjectUri::new("b", "k"));
        News::new().begin(Direction::Store, &uri)
    }

    async fn failures(retries: &mut Retries, meter: &Meter, each: impl Fn(u64)) -> u64 {
        let error = StorageError::unavailable(&ObjectUri::new("b", "k"), "down");
        let mut count = 1;
        loop {
            each(count);
            if !retries.again(&error, Some(meter)).await || count == 1000 {
                return count;
            }
            count += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_kept_allows_more_failures() {
        let limits = TransferLimits::default();
        // Everything is sent each time, and refused.
        let busy = meter();
        let all = |_| busy.add(10 * 1024 * 1024);
        let count = failures(&mut Retries::new(&limits), &busy, all).await;
        assert_eq!(count, 6);
        // The beginning comes again and again, and is thrown away.
        let again = meter();
        let beginning = |_| again.keep_until(300 * 1024);
        let count = failures(&mut Retries::new(&limits), &again, beginning).await;
        assert_eq!(count, 6);
        // Each failure leaves a little more.
        let slow = meter();
        let more = |count: u64| slow.keep_until(count.min(20) * 100 * 1024);
        let count = failures(&mut Retries::new(&limits), &slow, more).await;
        assert!((21..=26).contains(&count), "{count}");
    }
}
