//! Handlers with state: an actor on a thread of its own, which does one task at a
//! time and keeps what it has, such as a loaded model, from task to task.

mod context;
mod host;
mod registered;

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;

pub use context::HandlerContext;

use super::{AnyHandler, FromParams, IntoHandler};
use crate::task::{TaskContext, TaskError};
use registered::StatefulHandler;

/// A task handler with state.
///
/// The worker gives it an actor with a thread of its own, so it may block there and need
/// not be `Send`. Tasks reach it as messages, one after the other.
///
/// ```
/// use axon_worker::{TaskContext, TaskError, TaskHandler, Worker, actor};
///
/// struct Counter {
///     calls: u64,
/// }
///
/// impl TaskHandler for Counter {
///     type Params = serde_json::Value;
///     type Output = u64;
///
///     async fn handle(&mut self, _: Self::Params, _: TaskContext) -> Result<u64, TaskError> {
///         self.calls += 1;
///         Ok(self.calls)
///     }
/// }
/// # let _ =
/// Worker::builder("example").task("count", actor(|| Ok(Counter { calls: 0 })));
/// ```
///
/// # The life of a state
///
/// The first task makes it: [`actor()`]'s closure, then [`started`](Self::started), then
/// [`handle`](Self::handle). It lasts until
///
/// - the worker ends: [`stopped`](Self::stopped), then it is dropped;
/// - it asks to be replaced, with [`HandlerContext::renew`]: the same, and the next task
///   makes a new one;
/// - `handle` or a hook panics: it is dropped without another call, for nobody knows what
///   the panic left of it, and the next task makes a new one.
///
/// The hooks do nothing unless they are written. They run on the handler's thread between
/// tasks, never beside `handle`. A panic in `cancelled` or `stopped`, or while the state is
/// dropped, is a warning in the log; one in `started` is the failure of the task that made
/// the state.
pub trait TaskHandler: Sized + 'static {
    /// The parameters, see [`FromParams`].
    type Params: FromParams + 'static;
    /// The data of a success, or a [`Reply`](crate::Reply).
    type Output: crate::IntoOutcome;

    /// Does one task. A cancel shows at once in
    /// [`TaskContext::cancellation`]; a future that goes on all the same is dropped at its
    /// next `await` when the grace time is over.
    fn handle(
        &mut self,
        params: Self::Params,
        task: TaskContext,
    ) -> impl Future<Output = Result<Self::Output, TaskError>>;

    /// Called once for each state, before its first task.
    ///
    /// # Errors
    /// The failure of the task that the state was made for. The state is dropped, and the
    /// next task makes another one.
    #[allow(unused_variables, reason = "the name says what an implementation gets")]
    fn started(&mut self, handler: &HandlerContext) -> impl Future<Output = Result<(), TaskError>> {
        ready(Ok(()))
    }

    /// Called after a task was cancelled while [`handle`](Self::handle) had it: when
    /// `handle` has returned, or its future has been dropped, and before the next task. This
    /// is the place to repair what a dropped future left half done.
    /// [`Cancellation::reason`](crate::Cancellation::reason) of `task` says why.
    ///
    /// `handle` itself learns of the cancel at once, by its token. Tasks that were cancelled
    /// before `handle` was called are not told. The slot of the task is taken until this
    /// returns, for at most 10 s; then its future is dropped, and so is the state.
    #[allow(unused_variables, reason = "the name says what an implementation gets")]
    fn cancelled(
        &mut self,
        task: &TaskContext,
        handler: &HandlerContext,
    ) -> impl Future<Output = ()> {
        ready(())
    }

    /// Called before the state is dropped, unless a panic broke it: at the end of the worker,
    /// when all tasks have ended, or after [`HandlerContext::renew`]. It may take up to 5 s
    /// at the end of the worker, 10 s otherwise. It is not called when the process is killed,
    /// when a second signal ends it at once, or while `handle` does not return.
    #[allow(unused_variables, reason = "the name says what an implementation gets")]
    fn stopped(&mut self, handler: &HandlerContext) -> impl Future<Output = ()> {
        ready(())
    }
}

/// Registers a handler with state. `make` builds the state on the handler's own
/// thread, when the first task comes, and again when that state is gone; its error is the
/// failure of that task.
pub fn actor<H, F>(make: F) -> Stateful<H, F>
where
    H: TaskHandler,
    F: Fn() -> Result<H, TaskError> + Send + Sync + 'static,
{
    Stateful(make, PhantomData)
}

/// See [`actor()`].
pub struct Stateful<H, F>(F, PhantomData<fn() -> H>);

impl<H, F> std::fmt::Debug for Stateful<H, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stateful")
    }
}

/// Marks handlers with state among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnActor;

#[diagnostic::do_not_recommend]
impl<H, F> IntoHandler<OnActor> for Stateful<H, F>
where
    H: TaskHandler,
    F: Fn() -> Result<H, TaskError> + Send + Sync + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AnyHandler(Arc::new(StatefulHandler::<H>::new(Arc::new(self.0))))
    }
}
