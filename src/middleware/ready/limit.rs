//! A lock round calls, for a device that takes few tasks at once.

use std::fmt;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use tokio::sync::Semaphore;

use crate::middleware::{Middleware, Next, TaskCall};
use crate::task::{Outcome, TaskError};

/// Lets few calls through at once; others wait in the order they came. The place is
/// given back when the handler's work has really ended: after a return, a panic or a
/// cancel, and for a blocking handler that goes on after a cancel, when it returns.
///
/// Tasks that wait here take slots of the worker. Where the orchestrator should
/// rather send them elsewhere, use a limit by task type,
/// [`WorkerBuilder::task_type_limit`](crate::WorkerBuilder::task_type_limit).
///
/// ```
/// use axon_worker::Worker;
/// use axon_worker::middleware::Limit;
///
/// let gpu = Limit::at_once(1);
/// # let _ =
/// Worker::builder("gpu").middleware_for(["render", "upscale"], gpu);
/// ```
#[derive(Clone)]
pub struct Limit(Arc<Semaphore>);

impl Limit {
    /// A limit of its own; clones share it.
    #[must_use]
    pub fn at_once(calls: usize) -> Self {
        Self(Arc::new(Semaphore::new(calls)))
    }

    /// A semaphore that other parts of the program take from as well.
    #[must_use]
    pub fn by(semaphore: Arc<Semaphore>) -> Self {
        Self(semaphore)
    }

    /// Places that are free now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({} free)", self.free())
    }
}

impl Middleware for Limit {
    fn call(&self, mut call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        let semaphore = self.0.clone();
        Box::pin(async move {
            let cancelled = call.task().cancel_signal().clone();
            let place = tokio::select! {
                biased;
                () = cancelled.cancelled() => return Outcome::Cancelled,
                place = semaphore.acquire_owned() => place,
            };
            let Ok(place) = place else {
                let text = "the lock that the task waits for was closed";
                return Outcome::Failed(TaskError::transient(text));
            };
            call.keep(place);
            next.run(call).await
        })
    }
}
