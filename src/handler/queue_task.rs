//! A task of a queue, for handlers of queues.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::FromTask;
use crate::task::{Attachment, TaskContext, TaskError};

/// What a task of a queue has beside its input, as an argument of a handler. All of it
/// can be asked of the [`TaskContext`] as well; here it is under the names of the
/// `DistWorker` SDK.
///
/// ```
/// use axon_worker::{QueueTask, TaskError, Worker};
/// use serde_json::{Value, json};
///
/// async fn report(_input: Value, task: QueueTask) -> Result<Value, TaskError> {
///     let format: Option<String> = task.metadata("format")?;
///     let names: Vec<_> = task.files().iter().map(|file| file.name.as_str()).collect();
///     Ok(json!({ "queue": task.queue(), "format": format, "files": names }))
/// }
/// # let _ = Worker::builder("example").queue("files.#", report);
/// ```
#[derive(Debug, Clone)]
pub struct QueueTask {
    context: TaskContext,
    metadata: serde_json::Map<String, Value>,
}

impl FromTask for QueueTask {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        let metadata = match task.metadata() {
            None => serde_json::Map::new(),
            Some(raw) => raw.parse().map_err(|error| {
                TaskError::invalid_input(format!("the metadata cannot be read: {error}"))
            })?,
        };
        Ok(Self {
            context: task.clone(),
            metadata,
        })
    }
}

impl QueueTask {
    /// The queue it was submitted to.
    #[must_use]
    pub fn queue(&self) -> &str {
        self.context.name().as_str()
    }

    /// The longest it may run, if its submitter said so. The worker sees to it.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.context.timeout()
    }

    /// A value of its metadata; none when it has no such member.
    ///
    /// # Errors
    /// When the value is of another type: `INVALID_INPUT_ERROR`, naming it.
    pub fn metadata<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TaskError> {
        let read = |value: &Value| {
            T::deserialize(value)
                .map_err(|error| TaskError::invalid_input(format!("metadata {name:?}: {error}")))
        };
        self.metadata.get(name).map(read).transpose()
    }

    /// All of its metadata.
    #[must_use]
    pub fn all_metadata(&self) -> &serde_json::Map<String, Value> {
        &self.metadata
    }

    /// The files that belong to it.
    #[must_use]
    pub fn files(&self) -> &[Attachment] {
        self.context.attachments()
    }

    /// The file with this id.
    #[must_use]
    pub fn file_by_id(&self, id: &str) -> Option<&Attachment> {
        self.files().iter().find(|file| file.id == id)
    }

    /// The files of this name; names need not differ.
    pub fn files_by_name(&self, name: &str) -> impl Iterator<Item = &Attachment> {
        self.files().iter().filter(move |file| file.name == name)
    }

    /// Everything else: progress, cancelling, shared data, the task's folder.
    #[must_use]
    pub fn context(&self) -> &TaskContext {
        &self.context
    }
}
