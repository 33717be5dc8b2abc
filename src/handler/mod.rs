//! Task handlers: what users write, and how the worker calls it.
//!
//! All shapes are registered the same way, with `WorkerBuilder::task`:
//!
//! | shape | registered as | runs on |
//! |---|---|---|
//! | async function | `resize` | a handler thread, with others |
//! | blocking function | `blocking(resize)` | a thread of its own for that time |
//! | state that lasts, a [`TaskHandler`] | `actor(Upscaler::load)` | an actor with a thread of its own, one task at a time |
//! | an actor of the user's own | its address | wherever its owner started it |
//!
//! Behind registration the types are gone: an [`ErasedHandler`] turns a [`Call`] into an
//! [`Outcome`].

mod actor;
mod address;
mod blocking;
mod blocking_pool;
mod command;
mod data;
#[cfg(feature = "contracts")]
mod described;
mod extract;
mod function;
mod own_thread;
mod params;
mod queue_task;
mod queues;
mod registry;
mod ticket;

use futures_util::future::LocalBoxFuture;

pub use actor::{HandlerContext, TaskHandler, actor};
pub use address::{RunTask, TaskCancelled, with_cancel};
pub use blocking::blocking;
pub(crate) use blocking_pool::{BlockingPool, BlockingThreads};
pub use command::{CommandCall, IntoCommand};
pub(crate) use command::{CommandFunction, CommandHandler};
pub use data::Data;
pub(crate) use data::SharedData;
#[cfg(feature = "contracts")]
pub use described::{Contracted, Described, contract};
pub use extract::{FromTask, Need};
pub use function::HandlerFn;
pub(crate) use own_thread::OwnThread;
pub use params::FromParams;
#[cfg(feature = "validation")]
pub use params::Valid;
pub use queue_task::QueueTask;
pub(crate) use registry::{Registration, Registry};

use crate::json::RawJson;
use crate::task::{Outcome, TaskContext};
use crate::transport::Contract;

/// A handler whose types are forgotten.
pub(crate) trait ErasedHandler: Send + Sync {
    /// Does one task. Called on a handler thread; the future stays there. It may
    /// panic, and it may be dropped when the task is called off.
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome>;

    /// The worker starts, and tasks may come. For what has to be ready by then.
    fn begin(&self, _context: &HandlerContext) {}

    /// The worker ends, and all its tasks have. Returns what is still to be waited for.
    fn end(&self) -> Option<LocalBoxFuture<'static, ()>> {
        None
    }

    /// What must have been given to the builder for this handler.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }
}

/// One task, on its way into a handler.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) params: RawJson,
    pub(crate) context: TaskContext,
    /// Keeps the slot until the last part of the work has really ended, whatever
    /// was dropped before.
    pub(crate) hold: Hold,
    pub(crate) pool: BlockingPool,
}

/// Something that is kept alive, no more.
pub(crate) type Hold = std::sync::Arc<dyn std::any::Any + Send + Sync>;

/// Something that can be registered as a handler. Implemented for all shapes of
/// handlers; `Args` only tells them apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be registered as a task handler",
    label = "not a task handler",
    note = "a handler is an async function, `blocking(function)`, `actor(make)`, or the address of an actor that handles `RunTask<P>`",
    note = "functions take the parameters first, of a type that implements `serde::Deserialize`, then up to five arguments that implement `FromTask`, such as `TaskContext`",
    note = "they return `Result<T, TaskError>`, where `T` implements `serde::Serialize` or is `Reply`"
)]
pub trait IntoHandler<Args> {
    #[doc(hidden)]
    fn into_handler(self) -> AnyHandler;

    /// What its types say of it.
    #[doc(hidden)]
    fn contract(&self) -> Contract {
        Contract::default()
    }
}

/// A registered handler.
#[doc(hidden)]
pub struct AnyHandler(pub(crate) std::sync::Arc<dyn ErasedHandler>);

impl std::fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyHandler")
    }
}
