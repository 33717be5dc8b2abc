//! Task handlers: what users write, and how the worker calls it.
//!
//! Three shapes are registered the same way, with `WorkerBuilder::task`:
//!
//! | shape | registered as | runs on |
//! |---|---|---|
//! | async function | `resize` | a handler thread, with others |
//! | blocking function | `blocking(resize)` | a thread of its own for that time |
//! | actor with state | `actor(Upscaler::load)` | a thread of its own, one task at a time |
//!
//! Behind registration the types are gone: a [`Job`] turns a [`Call`] into an
//! [`Outcome`].

mod actor;
mod blocking;
mod command;
mod data;
#[cfg(feature = "contracts")]
mod described;
mod extract;
mod function;
mod params;
mod queue_task;
mod queues;
mod registry;

use futures_util::future::LocalBoxFuture;

pub use actor::{TaskHandler, actor};
pub use blocking::blocking;
pub(crate) use blocking::{BlockingPool, BlockingThreads};
pub use command::{CommandCall, IntoCommand};
pub(crate) use command::{CommandFunction, CommandHandler};
pub use data::Data;
pub(crate) use data::SharedData;
#[cfg(feature = "contracts")]
pub use described::{Contracted, Described, contract};
pub use extract::{FromTask, Need};
pub use function::Handler;
pub use params::FromParams;
#[cfg(feature = "validation")]
pub use params::Valid;
pub use queue_task::QueueTask;
pub(crate) use registry::{Registration, Registry};

use crate::json::RawJson;
use crate::task::{Outcome, TaskContext};
use crate::transport::Contract;

/// A handler whose types are forgotten.
pub(crate) trait Job: Send + Sync {
    /// Does one task. Called on a handler thread; the future stays there. It may
    /// panic, and it may be dropped when the task is called off.
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome>;

    /// The worker starts, and tasks may come. For what has to be ready by then.
    fn begin(&self) {}

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

/// Something that can be registered as a handler. Implemented for the three shapes
/// of handlers; `Args` only tells them apart.
pub trait IntoJob<Args> {
    #[doc(hidden)]
    fn into_job(self) -> AnyJob;

    /// What its types say of it.
    #[doc(hidden)]
    fn contract(&self) -> Contract {
        Contract::default()
    }
}

/// A registered handler.
#[doc(hidden)]
pub struct AnyJob(pub(crate) std::sync::Arc<dyn Job>);

impl std::fmt::Debug for AnyJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyJob")
    }
}
