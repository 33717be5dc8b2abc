//! Middleware: code of the user's round the calls of handlers.
//!
//! A middleware sees the call before the handler does and the outcome before the
//! orchestrator does. It may change either, answer in the handler's place, call it
//! again, or put values into the task that handlers ask for as [`Injected<T>`].
//! The first one registered is the outermost.
//!
//! | a middleware is | when | runs on |
//! |---|---|---|
//! | a closure or a type that implements [`Middleware`] | it needs no memory of its own, or shares it by `Arc` | the handler's thread |
//! | an actor, see [`actor()`] | it keeps state, and tasks should reach it one after the other | a thread of its own |
//! | one of [`Timeout`], [`Limit`], [`Retry`], [`Traced`], [`CallMetrics`] | somebody wrote it already | the handler's thread |
//!
//! ```
//! use axon_worker::middleware::{Injected, Limit, Next, TaskCall};
//! use axon_worker::{Outcome, RawJson, TaskError, Worker};
//!
//! struct Tenant(String);
//!
//! async fn find_tenant(call: TaskCall, next: Next) -> Outcome {
//!     match call.task().tracing_context().get("tenant") {
//!         Some(name) => call.insert(Tenant(name.clone())),
//!         None => return Outcome::Failed(TaskError::invalid_input("no tenant")),
//!     }
//!     next.run(call).await
//! }
//!
//! async fn report(_: RawJson, tenant: Injected<Tenant>) -> Result<String, TaskError> {
//!     Ok(format!("a report for {}", tenant.0))
//! }
//! # let _ =
//! Worker::builder("reports")
//!     .task("report", report)
//!     .middleware(find_tenant)
//!     .middleware_for(["report"], Limit::at_once(1));
//! ```
//!
//! A middleware that panics or hangs harms its own task alone: the panic is that
//! task's failure, and time limits and cancels end a middleware as they end a handler.

mod actor;
mod call;
mod chain;
mod injected;
mod ready;

use futures_util::future::LocalBoxFuture;

pub use actor::{ActorMiddleware, AfterTask, Before, BeforeTask, Then, actor, address};
pub use call::TaskCall;
pub use chain::Next;
pub(crate) use chain::{Layer, wrap};
pub use injected::Injected;
pub use ready::{CallMetrics, CallTally, Limit, Retry, Timeout, Traced};

use crate::task::Outcome;

/// Something round the calls of handlers. Closures and async functions with these
/// arguments are middleware by themselves.
pub trait Middleware: Send + Sync + 'static {
    /// Does one call; [`Next::run`] goes on to the next middleware, or to the
    /// handler. The future is dropped when the task was cancelled and its grace
    /// time is over, if it has one, see
    /// [`TaskContext::cancellation`](crate::TaskContext::cancellation).
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome>;
}

impl<F, R> Middleware for F
where
    F: Fn(TaskCall, Next) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome> + 'static,
{
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        Box::pin(self(call, next))
    }
}
