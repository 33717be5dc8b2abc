//! What the supervisor is told and asked.

use std::time::Duration;

use actix::prelude::*;

use crate::actors::capacity::Permit;
use crate::id::OrchestratorId;
use crate::storage::TaskFiles;
use crate::task::{CancelReason, Outcome, Task, TaskKey, TaskResult};
use crate::transport::{CancelTarget, RunningTask};

/// A task was handed out to us.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StartTask {
    pub(crate) task: Box<Task>,
    pub(crate) permit: Permit,
}

/// The answer to [`ClaimType`]: a permit for the task's type, now or later, or
/// none ever.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ClaimAnswered {
    pub(crate) key: TaskKey,
    pub(crate) permit: Option<Permit>,
}

/// A task has ended on its handler thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TaskFinished {
    pub(crate) key: TaskKey,
    /// Tells apart hand-outs of the same id.
    pub(crate) attempt: u64,
    pub(crate) outcome: Outcome,
    pub(crate) ran_for: Duration,
    /// Its slots, unless they are free already or part of the work goes on.
    pub(crate) permit: Option<Permit>,
}

/// Cancel a task, named by its own id or that of its job.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CancelTask {
    /// The orchestrator that said so, which can mean its own tasks only.
    pub(crate) origin: Option<OrchestratorId>,
    pub(crate) target: CancelTarget,
    pub(crate) reason: CancelReason,
}

/// Cancel all tasks because the worker ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct InterruptAll;

/// Report all tasks as interrupted without waiting for them any longer. The answer
/// is how many.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct AbandonAll;

/// Which tasks do we have?
#[derive(Debug, Message)]
#[rtype(result = "Vec<RunningTask>")]
pub(crate) struct GetRunning;

/// Take this result to its orchestrator.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct DeliverResult {
    pub(crate) result: TaskResult,
    /// The task's folder, which goes when the result is out.
    pub(crate) files: Option<TaskFiles>,
}
