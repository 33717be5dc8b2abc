//! Tasks with a type whose limit they share.

use axon_worker::{TaskContext, TaskError};
use serde_json::Value;

use crate::basic::{Time, sleep};
use crate::trace::Trace;

/// Stands for work on a video or a sound.
pub async fn process(time: Time, task: TaskContext, trace: Trace) -> Result<Value, TaskError> {
    sleep(time, task, trace).await
}
