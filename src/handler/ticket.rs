//! Work that waits for somebody to take it up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Work that waits in a queue, seen from both ends of it. The first who takes it has it:
/// the thread that does it, or the caller who withdraws it. So a cancelled task leaves a
/// queue at once, with all that it holds, however long the queue does not move.
pub(crate) struct Ticket<W>(Arc<Mutex<Option<W>>>);

impl<W> Ticket<W> {
    pub(crate) fn new(work: W) -> Self {
        Self(Arc::new(Mutex::new(Some(work))))
    }

    /// Takes the work, if nobody has yet.
    pub(crate) fn take(&self) -> Option<W> {
        self.work().take()
    }

    /// Returns `true` while nobody has taken the work.
    pub(crate) fn is_waiting(&self) -> bool {
        self.work().is_some()
    }

    /// Returns a guard that withdraws the work when it is dropped.
    pub(crate) fn withdraw_on_drop(&self) -> WithdrawOnDrop<W> {
        WithdrawOnDrop(self.clone())
    }

    fn work(&self) -> MutexGuard<'_, Option<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Clone for Ticket<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// See [`Ticket::withdraw_on_drop`].
pub(crate) struct WithdrawOnDrop<W>(Ticket<W>);

impl<W> Drop for WithdrawOnDrop<W> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
