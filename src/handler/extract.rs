//! Arguments of handlers other than the parameters.

use crate::task::{Cancellation, HotCache, TaskContext, TaskError};

/// Something a handler can have as its second or later argument.
///
/// Implement it to hand your own types to handlers.
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
