//! Results, written round data that may be large and is not parsed again.

use bytes::Bytes;

use crate::id::WorkerId;
use crate::json::RawJson;
use crate::task::{Outcome, TaskError, TaskResult};
use crate::transport::failure;
use crate::transport::rxon::object::Object;

/// The body of a result. How large it may be is for the orchestrator to say.
pub(in super::super) fn write_result(worker_id: &WorkerId, result: &TaskResult) -> Bytes {
    let failure = result.outcome.told_failure();
    let failure = failure.as_deref().map(failure::cut);
    let error = failure.as_deref();
    let (status, data) = match &result.outcome {
        Outcome::Completed(reply) => (reply.status(), Some(reply.data())),
        Outcome::Failed(_) | Outcome::Interrupted(_) => ("failure", None),
        Outcome::Cancelled => ("cancelled", None),
    };
    let files = match &result.outcome {
        Outcome::Completed(reply) => reply.data_metadata(),
        _ => None,
    };
    let size = data.map_or(0, len)
        + files.map_or(0, len)
        + error.and_then(TaskError::details).map_or(0, len);
    let mut body = Object::with_capacity(size + 384);
    body.text("job_id", result.job_id.as_str());
    body.text("task_id", result.task_id.as_str());
    body.text("worker_id", worker_id.as_str());
    body.text("status", status);
    body.raw("data", data);
    match error {
        Some(error) => {
            let mut told = Object::with_capacity(128);
            told.text("code", error.code().as_str());
            told.text("message", error.message());
            told.raw("details", error.details());
            body.raw_bytes("error", &told.end());
        }
        None => body.raw("error", None),
    }
    body.raw("data_metadata", files);
    body.end().into()
}

fn len(raw: &RawJson) -> usize {
    raw.as_bytes().len()
}
