//! Arguments of handlers other than the parameters.

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
pub trait FromTask: Sized {
    /// Takes the argument out of the task.
    ///
    /// # Errors
    /// The failure that the task ends with, without the handler being called.
    fn from_task(task: &TaskContext) -> Result<Self, TaskError>;
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
