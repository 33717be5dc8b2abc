//! The state of a worker as it is shown, at one moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{OrchestratorStatus, Totals, seconds};
use crate::id::{JobId, TaskId, TaskName};

/// The state of a worker at one moment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// The orchestrators.
    pub orchestrators: Vec<OrchestratorStatus>,
    /// How many of them the worker is registered with.
    pub registered: usize,
    /// Whether the worker is shutting down.
    pub draining: bool,
    /// Whether it was told to take no tasks, see
    /// [`WorkerHandle::pause`](crate::WorkerHandle::pause).
    pub paused: bool,
    /// Whether it takes no tasks by itself: results of an earlier process go out
    /// first, too many are undelivered, or the journal is full.
    pub held: bool,
    /// Why it is in no state to take tasks, if it is in none: its disk, its memory, its open
    /// files, or a check of its user's. It takes no tasks by itself until that is over.
    pub unwell: Option<Arc<str>>,
    /// Why the journal cannot be written, if it cannot: work goes on, but a crash loses
    /// results.
    pub journal_trouble: Option<Arc<str>>,
    /// How long the worker has been able to take a task: not paused, not held, not
    /// unwell, a slot free and no slot policy against it. `None` while it is not.
    #[serde(serialize_with = "seconds::maybe")]
    pub open_for: Option<Duration>,
    /// The limits, and what is taken of them.
    pub capacity: CapacityStatus,
    /// The tasks it has.
    pub tasks: Vec<TaskStatus>,
    /// Models in memory, sorted.
    pub hot_cache: Arc<[String]>,
    /// Skills whose models are all in memory.
    pub hot_skills: Arc<[String]>,
    /// Counts since the start.
    #[serde(flatten)]
    pub totals: Totals,
    /// Results on their way.
    pub unsent: usize,
    /// How long there have been results on their way without a pause.
    #[serde(serialize_with = "seconds::maybe")]
    pub unsent_for: Option<Duration>,
    /// Tasks that were reported as ended although their handler still runs.
    pub abandoned: usize,
    /// The last failures, newest first.
    pub failures: Vec<FailureStatus>,
}

/// A task the worker has.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The task.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// Its handler.
    pub name: TaskName,
    /// How long the worker has had it.
    #[serde(serialize_with = "seconds::one")]
    pub elapsed: Duration,
    /// Whether a handler has it; otherwise it waits for a slot of its type.
    pub running: bool,
    /// What the handler last reported: from 0.0 to 1.0, and a text.
    pub progress: Option<(f64, String)>,
}

/// The limits of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CapacityStatus {
    /// The most tasks at once.
    pub limit: usize,
    /// Tasks that it has.
    pub tasks: usize,
    /// Slots that are kept for open polls.
    pub polls: usize,
    /// The types that have a limit.
    pub types: Vec<TypeStatus>,
    /// Tasks that wait for a slot of their type.
    pub parked: usize,
    /// Why a [slot policy](crate::slot_policy) wants no tasks now, if it does not.
    pub refused: Option<Arc<str>>,
}

/// The limit of one type of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TypeStatus {
    /// The type.
    pub name: Arc<str>,
    /// The most tasks of this type at once.
    pub limit: usize,
    /// Tasks of this type that run.
    pub running: usize,
}

impl TypeStatus {
    pub(crate) fn new(name: Arc<str>, limit: usize, running: usize) -> Self {
        Self {
            name,
            limit,
            running,
        }
    }
}

/// A task that failed.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FailureStatus {
    /// When.
    #[serde(serialize_with = "seconds::at")]
    pub at: SystemTime,
    /// The task.
    pub task_id: TaskId,
    /// Its handler.
    pub name: TaskName,
    /// The code of the error.
    pub code: String,
    /// Its message.
    pub message: String,
}
