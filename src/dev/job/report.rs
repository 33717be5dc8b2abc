//! What is told about a job.

use std::time::SystemTime;

use serde_json::Value;

use crate::{JobId, TaskId, TaskName};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// Its tasks wait for a worker.
    Waiting,
    /// At least one task is with a worker.
    Running,
    /// It came to the end called `finished`.
    Finished,
    /// It came to any other end, or failed for good.
    Failed,
    /// It was called off.
    Cancelled,
    /// A permanent error, or too many attempts.
    Quarantined,
    /// The orchestrator was restarted without its jobs.
    Lost,
}

impl JobState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

/// A job as it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobReport {
    /// The id that tasks carry as `job_id`.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// The step it is in, or the end it came to.
    pub step: String,
    /// What results have left, merged.
    pub data: Value,
    /// Why it failed.
    pub error: Option<String>,
    /// The last progress that a worker reported, as it was sent.
    pub progress: Option<Value>,
    /// The text that came with it.
    pub message: Option<String>,
    /// Every task that was made for it, in order.
    pub history: Vec<AttemptReport>,
}

impl JobReport {
    /// How many tasks were made for it, retries included.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.history.len()
    }

    /// Whether it came to the end called `finished`.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.state == JobState::Finished
    }

    pub(crate) fn lost(id: JobId) -> Self {
        Self {
            id,
            state: JobState::Lost,
            step: String::new(),
            data: Value::Null,
            error: Some("the orchestrator was restarted without its jobs".to_owned()),
            progress: None,
            message: None,
            history: Vec::new(),
        }
    }
}

/// One task of a job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttemptReport {
    /// The step it belongs to.
    pub step: String,
    /// Its name within a parallel step.
    pub branch: Option<String>,
    /// The handler that was asked for.
    pub task: TaskName,
    /// Its id.
    pub task_id: TaskId,
    /// 1 for the first attempt, one more for each retry.
    pub attempt: u32,
    /// Who got it.
    pub worker: Option<String>,
    /// The status that came back.
    pub status: Option<String>,
    /// The error that came back, as it was sent.
    pub error: Option<Value>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was handed out.
    pub handed_out_at: Option<SystemTime>,
    /// When its result came.
    pub answered_at: Option<SystemTime>,
}
