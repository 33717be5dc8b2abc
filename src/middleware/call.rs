//! A call as middleware sees it.

use std::fmt;
use std::sync::Arc;

use crate::handler::Call;
use crate::json::RawJson;
use crate::task::TaskContext;

/// A task on its way into its handler. A clone calls the handler anew: parameters
/// and context are shared, not copied.
#[derive(Clone)]
pub struct TaskCall(pub(super) Call);

impl TaskCall {
    /// The task: ids, trace headers, progress, files and so on.
    #[must_use]
    pub fn task(&self) -> &TaskContext {
        &self.0.context
    }

    /// The parameters that the handler will get.
    #[must_use]
    pub fn params(&self) -> &RawJson {
        &self.0.params
    }

    /// Gives the handler other parameters.
    pub fn set_params(&mut self, params: RawJson) {
        self.0.params = params;
    }

    /// Puts a value into the task, in place of one of the same type. Handlers get it
    /// as [`Injected<T>`](super::Injected).
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        self.0.context.insert(value);
    }

    /// Keeps a value until the last part of the handler's work has really ended,
    /// whatever was dropped before: a blocking handler goes on after a cancel.
    pub fn keep<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.hold = Arc::new((self.0.hold.clone(), value));
    }
}

impl fmt::Debug for TaskCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskCall")
            .field("task", self.task())
            .field("params", self.params())
            .finish()
    }
}
