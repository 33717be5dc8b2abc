//! Tasks that have ended, on their way back to the supervisor.

use std::time::Duration;

use crate::actors::capacity::Permit;
use crate::actors::inbox::{Fetch, Inbox};
use crate::actors::supervisor::TaskKey;
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext};

/// Handlers have ended.
pub(crate) type TasksEnded = Fetch<Ended>;

/// Where ended tasks wait for the supervisor.
pub(crate) type Returns = Inbox<Ended>;

/// How a task ended.
pub(crate) struct Ended {
    pub(crate) key: TaskKey,
    pub(crate) outcome: Outcome,
    pub(crate) ran_for: Duration,
    /// Its slots, unless they are free already or part of the work goes on.
    pub(crate) permit: Option<Permit>,
    /// What is left of the task. The supervisor's thread asked for this memory, and frees
    /// it: freed on another one, it makes the two share a lock of the allocator.
    pub(crate) rest: (Option<TaskContext>, Option<RawJson>),
}
