//! Calling a task off: a token that the handler sees at once, and the reason,
//! which decides how the task's end is reported.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a task was called off. The first reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// The orchestrator or the worker's owner does not want it any more.
    Requested,
    /// Nobody waits for its result any more: the connection is gone that its
    /// orchestrator would take it over.
    Orphaned,
    /// It ran into its deadline or time limit.
    TimedOut,
    /// The worker is shutting down and cannot wait any longer.
    ShuttingDown,
}

/// Seen from the handler: has this task been called off?
///
/// Cheap to clone, usable from any thread.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    token: CancellationToken,
    reason: OnceLock<CancelReason>,
    is_watched: AtomicBool,
    files_move: AtomicBool,
}

impl Cancellation {
    /// A task that has not been called off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the handler should stop. For loops in blocking handlers.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.token.is_cancelled()
    }

    /// Waits until the task is called off. Cancel-safe.
    pub async fn cancelled(&self) {
        self.0.token.cancelled().await;
    }

    /// Why, once it was called off.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        self.0
            .token
            .is_cancelled()
            .then(|| self.0.reason.get().copied())
            .flatten()
    }

    /// The bare token, to hand to code that knows nothing of this crate.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.token.child_token()
    }

    /// Notes that the handler watches for a cancel, or cannot be dropped: it gets the grace
    /// time.
    pub(crate) fn watch(&self) {
        self.0.is_watched.store(true, Ordering::Relaxed);
    }

    /// Notes that files of the task move, until the returned value is dropped. They end by
    /// themselves at a cancel, and leave nothing behind if they are awaited.
    pub(crate) fn files_move(&self) -> FilesMove {
        self.0.files_move.store(true, Ordering::Relaxed);
        FilesMove(self.clone())
    }

    /// Returns `true` if the task may make use of the grace time: because its handler
    /// watches for the cancel, because its files move, or because work that is finished at
    /// a shutdown counts.
    pub(crate) fn has_grace(&self) -> bool {
        self.0.is_watched.load(Ordering::Relaxed)
            || self.0.files_move.load(Ordering::Relaxed)
            || self.reason() == Some(CancelReason::ShuttingDown)
    }

    /// Cancels the task. Only the first reason is kept.
    pub(crate) fn cancel(&self, reason: CancelReason) {
        let _ = self.0.reason.set(reason);
        self.0.token.cancel();
    }
}

/// See [`Cancellation::files_move`].
#[derive(Debug)]
pub(crate) struct FilesMove(Cancellation);

impl Drop for FilesMove {
    fn drop(&mut self) {
        self.0.0.files_move.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_time_is_for_those_who_can_use_it() {
        let task = Cancellation::new();
        let moving = task.files_move();
        assert!(task.has_grace(), "transfers are awaited");
        drop(moving);
        task.cancel(CancelReason::Requested);
        assert!(!task.has_grace());
        task.watch();
        assert!(task.has_grace());

        let task = Cancellation::new();
        task.cancel(CancelReason::ShuttingDown);
        assert!(task.has_grace(), "what is finished counts");
    }

    #[test]
    fn the_first_reason_counts() {
        let task = Cancellation::new();
        assert_eq!(task.reason(), None);
        task.cancel(CancelReason::TimedOut);
        task.cancel(CancelReason::ShuttingDown);
        assert_eq!(task.reason(), Some(CancelReason::TimedOut));
    }

    #[test]
    fn a_handed_out_token_cannot_cancel_the_task() {
        let task = Cancellation::new();
        task.token().cancel();
        assert!(!task.is_cancelled());
    }
}
