//! The key of a task in tables.

use crate::id::{OrchestratorId, TaskId};

/// A task and where it came from: two orchestrators may use the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    pub(crate) origin: OrchestratorId,
    pub(crate) id: TaskId,
}

impl TaskKey {
    pub(crate) fn new(origin: OrchestratorId, id: TaskId) -> Self {
        Self { origin, id }
    }
}
