//! A worker of one handler, for tests that call it more than once.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::call::HandlerCall;
use super::end::{HandlerEnd, files_under};
use super::order::{Calls, Order};
use crate::WorkerHandle;
use crate::id::TaskName;
use crate::storage::TaskFiles;
use crate::transport::memory::MemoryOrchestrator;

/// A handler that stays between calls, with its state, the hot cache, and whatever else
/// belongs to its worker. Made with [`HandlerCall::start`]. Ends when dropped.
///
/// ```
/// use axon_worker::testing::{self, Expect};
/// use axon_worker::{TaskContext, TaskError, TaskHandler, actor};
///
/// struct Counter(u64);
///
/// impl TaskHandler for Counter {
///     type Params = serde_json::Value;
///     type Output = u64;
///
///     async fn handle(&mut self, _: Self::Params, _: TaskContext) -> Result<u64, TaskError> {
///         self.0 += 1;
///         Ok(self.0)
///     }
/// }
///
/// # #[actix_rt::main]
/// # async fn main() {
/// let counter = testing::call(actor(|| Ok(Counter(0)))).start().await;
/// assert_eq!(counter.call().await.data::<u64>(), 1);
/// assert_eq!(counter.call().await.data::<u64>(), 2);
/// # }
/// ```
pub struct Stand {
    pub(super) worker: WorkerHandle,
    pub(super) orchestrator: MemoryOrchestrator,
    pub(super) calls: Arc<Calls>,
    pub(super) name: TaskName,
    /// What was said of all its tasks.
    pub(super) order: Order,
}

impl std::fmt::Debug for Stand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stand")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Stand {
    /// One more call. What was said before [`HandlerCall::start`] counts unless it is said
    /// anew. Several may be under way at once.
    pub fn call(&self) -> HandlerCall<&Self> {
        HandlerCall::new(self, self.order.clone())
    }

    /// The worker: to pause it, to change its limits, to end it.
    #[must_use]
    pub fn worker(&self) -> &WorkerHandle {
        &self.worker
    }

    /// The orchestrator that the tasks come from.
    #[must_use]
    pub fn orchestrator(&self) -> &MemoryOrchestrator {
        &self.orchestrator
    }

    pub(super) async fn run(&self, order: Order) -> HandlerEnd {
        let params = order.params.clone();
        let expected = order.clone();
        let id = self
            .orchestrator
            .submit_with(self.name.as_str(), params, |task| {
                for change in &order.changes {
                    change(task);
                }
                self.calls.expect(task.id.clone(), expected);
            });
        let result = self.orchestrator.take_result(&id).await;
        let record = self.calls.take(&id);
        let folder = record.files.as_ref().and_then(TaskFiles::folder_so_far);
        let files = folder.map(files_under).transpose();
        HandlerEnd {
            outcome: result.outcome,
            told: record.told,
            files: files.ok().flatten().unwrap_or_default(),
            hot_cache: self.worker.status().hot_cache,
            took: record.began.map_or(Duration::ZERO, |began| began.elapsed()),
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.worker.begin_shutdown();
    }
}

impl<'a> IntoFuture for HandlerCall<&'a Stand> {
    type Output = HandlerEnd;
    type IntoFuture = LocalBoxFuture<'a, HandlerEnd>;

    fn into_future(self) -> Self::IntoFuture {
        let (stand, order) = self.into_parts();
        Box::pin(stand.run(order))
    }
}
