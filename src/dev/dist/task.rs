//! Tasks as they are submitted, and what becomes of them.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::RawJson;
use crate::task::Attachment;
use crate::transport::distworker::wire;
use crate::transport::distworker::wire::messages::{FileInfo, Payload, TaskAssign};
use crate::transport::distworker::wire::structs::{Struct, Whole};

/// A task to be submitted.
#[derive(Debug, Clone)]
pub struct DistTask {
    pub(super) queue: String,
    input: Option<Struct>,
    metadata: Option<Struct>,
    timeout_ms: i64,
    files: Vec<FileInfo>,
    pub(super) retries: u32,
}

fn of_json(value: &impl Serialize) -> Struct {
    let json = RawJson::from_serialize(value).expect("a value with a JSON form");
    Struct::of_json(&json, Whole::Rounded).expect("a JSON object")
}

impl DistTask {
    /// A task with nothing but its input.
    ///
    /// # Panics
    /// When the input has no JSON form or is no object.
    #[must_use]
    pub fn new(queue: &str, input: &impl Serialize) -> Self {
        Self {
            queue: queue.to_owned(),
            input: Some(of_json(input)),
            metadata: None,
            timeout_ms: 0,
            files: Vec::new(),
            retries: 0,
        }
    }

    /// A task without any input.
    #[must_use]
    pub fn without_input(queue: &str) -> Self {
        Self {
            input: None,
            ..Self::new(queue, &serde_json::json!({}))
        }
    }

    /// Metadata for its handler.
    ///
    /// # Panics
    /// When it has no JSON form or is no object.
    #[must_use]
    pub fn metadata(mut self, metadata: &impl Serialize) -> Self {
        self.metadata = Some(of_json(metadata));
        self
    }

    /// The longest it may run, which only its worker sees to.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout_ms = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// A file that belongs to it.
    #[must_use]
    pub fn file(mut self, file: Attachment) -> Self {
        self.files.push(FileInfo {
            file_id: file.id,
            filename: file.name,
            content_type: file.content_type,
            size: file.size,
            storage_url: file.url,
        });
        self
    }

    /// How often it is tried again after failures. Default 0.
    #[must_use]
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    pub(super) fn assignment(&self, task_id: &str) -> Bytes {
        wire::write(Payload::TaskAssign(TaskAssign {
            task_id: task_id.to_owned(),
            queue: self.queue.clone(),
            metadata: self.metadata.clone(),
            input: self.input.clone(),
            timeout_ms: self.timeout_ms,
            files: self.files.clone(),
        }))
    }
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DistOutcome {
    /// With this result; null if there was none.
    Completed(Value),
    /// With an error.
    Failed {
        /// Its code.
        code: String,
        /// Its text.
        message: String,
        /// Its details; null if there were none.
        details: Value,
    },
}

/// One report of progress.
#[derive(Debug, Clone, PartialEq)]
pub struct DistProgress {
    /// The number as it came: percent, if all is well.
    pub progress: f32,
    /// The text.
    pub message: String,
    /// The data; null if there was none.
    pub data: Value,
}

/// What the controller knows of a task.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DistTaskView {
    /// Its queue.
    pub queue: String,
    /// How often it was assigned.
    pub assigned: u32,
    /// All progress so far.
    pub progress: Vec<DistProgress>,
    /// Its end, if no retry is left or needed.
    pub outcome: Option<DistOutcome>,
    /// Files of the result.
    pub result_files: Vec<Attachment>,
    /// From the last assignment to the end.
    pub took: Option<Duration>,
}

/// A task on the controller's books.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) task: DistTask,
    pub(super) view: DistTaskView,
    pub(super) assigned_at: Option<Instant>,
    pub(super) retried: u32,
    /// The worker that has it.
    pub(super) worker: Option<String>,
}

impl Record {
    pub(super) fn new(task: DistTask) -> Self {
        let view = DistTaskView {
            queue: task.queue.clone(),
            assigned: 0,
            progress: Vec::new(),
            outcome: None,
            result_files: Vec::new(),
            took: None,
        };
        Self {
            task,
            view,
            assigned_at: None,
            retried: 0,
            worker: None,
        }
    }
}
