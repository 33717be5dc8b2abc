//! What a handler with state knows of its worker.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::id::{TaskName, WorkerId};

/// Where a handler stands: its worker and its name there. Cheap to clone, and usable from
/// any thread; [`TaskHandler::started`](super::TaskHandler::started) is the place to keep a
/// clone.
#[derive(Clone)]
pub struct HandlerContext(Arc<Inner>);

struct Inner {
    worker_id: WorkerId,
    name: TaskName,
    renew: AtomicBool,
}

impl HandlerContext {
    pub(crate) fn new(worker_id: WorkerId, name: TaskName) -> Self {
        Self(Arc::new(Inner {
            worker_id,
            name,
            renew: AtomicBool::new(false),
        }))
    }

    /// Returns the id of the worker.
    #[must_use]
    pub fn worker_id(&self) -> &WorkerId {
        &self.0.worker_id
    }

    /// Returns the name under which the handler is registered; for a queue, its pattern.
    #[must_use]
    pub fn name(&self) -> &TaskName {
        &self.0.name
    }

    /// Asks for a fresh state, for example when a device was lost. When the task that runs
    /// now has ended, or else before the next one begins, the state is told
    /// [`stopped`](super::TaskHandler::stopped) and dropped; the next task makes a new one.
    pub fn renew(&self) {
        self.0.renew.store(true, Ordering::Release);
    }

    /// Returns `true` once for each time that a fresh state was asked for.
    pub(super) fn take_renewal(&self) -> bool {
        self.0.renew.swap(false, Ordering::AcqRel)
    }
}

impl fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext")
            .field("worker_id", &self.0.worker_id)
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
