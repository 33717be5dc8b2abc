//! Values that middleware puts into a task, as arguments of handlers.

use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use crate::handler::FromTask;
use crate::task::{TaskContext, TaskError};

/// A value that a middleware put into this task, by its type; see
/// [`TaskCall::insert`](super::TaskCall::insert). Without it the task fails for good
/// and the handler is not called.
#[derive(Debug)]
pub struct Injected<T>(Arc<T>);

impl<T> Clone for Injected<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Injected<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromTask for Injected<T> {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        task.injected().map(Self).ok_or_else(|| {
            TaskError::permanent(format!(
                "the handler asks for Injected<{}>, which no middleware has put there",
                type_name::<T>()
            ))
        })
    }
}
