//! What a handler knows of its task, and what it can do besides returning.

use std::sync::Arc;

/// A handler's view of its task. Cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct TaskContext(Arc<ContextParts>);

#[derive(Debug)]
pub(crate) struct ContextParts {}
#[derive(Debug)]
pub(crate) struct ProgressReport {}
#[derive(Debug)]
pub(crate) struct ProgressSink {}
