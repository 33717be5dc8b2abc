//! What the supervisor is told and asked.

use actix::prelude::*;

use crate::actors::capacity::Permit;
use crate::id::OrchestratorId;
use crate::storage::TaskFiles;
use crate::task::{CancelReason, Task, TaskKey, TaskResult};
use crate::transport::{CancelTarget, RunningTask};

/// A task was handed out to us. It lies in the inbox of the supervisor.
#[derive(Debug)]
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

/// Call off a task, named by its own id or that of its job.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CancelTask {
    /// The orchestrator that said so, which can mean its own tasks only.
    pub(crate) origin: Option<OrchestratorId>,
    pub(crate) target: CancelTarget,
    pub(crate) reason: CancelReason,
}

/// Call off all tasks because the worker ends.
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

/// Take this result to its orchestrator. It lies in the inbox of the courier.
#[derive(Debug)]
pub(crate) struct DeliverResult {
    pub(crate) result: TaskResult,
    /// The task's folder, which goes when the result is out.
    pub(crate) files: Option<TaskFiles>,
}
