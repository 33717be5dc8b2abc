//! Arguments of handlers other than the parameters.

use std::any::{TypeId, type_name};

use crate::models::Models;
use crate::storage::TaskFiles;
use crate::task::{Cancellation, HotCache, TaskContext, TaskError};

/// Something a handler can have as its second or later argument.
///
/// Implement it to hand your own types to handlers:
///
/// ```
/// use axon_worker::{FromTask, RawJson, TaskContext, TaskError, Worker};
///
/// /// Who asked for the task, from the trace headers.
/// struct Caller(String);
///
/// impl FromTask for Caller {
///     fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
///         let caller = task.tracing_context().get("caller");
///         let caller = caller.ok_or_else(|| TaskError::invalid_input("nobody asked"))?;
///         Ok(Self(caller.clone()))
///     }
/// }
///
/// async fn greet(_: RawJson, caller: Caller) -> Result<String, TaskError> {
///     Ok(format!("Hello, {}!", caller.0))
/// }
/// # let _ =
/// Worker::builder("example").task("greet", greet);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task handler",
    label = "not an argument that can be taken out of a task",
    note = "the parameters are the first argument; those after it implement `FromTask`, such as `TaskContext`, `TaskFiles`, `Cancellation` and `Data<T>`"
)]
pub trait FromTask: Sized {
    /// Takes the argument out of the task.
    ///
    /// # Errors
    /// The failure that the task ends with, without the handler being called.
    fn from_task(task: &TaskContext) -> Result<Self, TaskError>;

    /// What has to be given to the builder for this argument, so that it is missed
    /// when the worker is built rather than when a task comes. Nothing, unless
    /// overridden.
    fn need() -> Option<Need> {
        None
    }
}

/// A value that a handler asks for, see [`FromTask::need`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub(crate) kind: TypeId,
    pub(crate) name: &'static str,
    /// What stands round the name in the handler's arguments.
    pub(crate) form: &'static str,
}

impl Need {
    /// A value of this type, shared by `WorkerBuilder::data`.
    #[must_use]
    pub fn data<T: 'static>() -> Self {
        Self {
            kind: TypeId::of::<T>(),
            name: type_name::<T>(),
            form: "Data",
        }
    }

    /// Models of this type, given to `WorkerBuilder::models`.
    #[must_use]
    pub fn models<M: Send + Sync + 'static>() -> Self {
        Self {
            kind: TypeId::of::<Models<M>>(),
            name: type_name::<M>(),
            form: "Models",
        }
    }
}

impl FromTask for TaskContext {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        Ok(task.clone())
    }
}

impl FromTask for Cancellation {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        Ok(task.cancellation().clone())
    }
}

impl FromTask for HotCache {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        Ok(task.hot_cache())
    }
}

impl FromTask for TaskFiles {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        Ok(task.files().clone())
    }
}
