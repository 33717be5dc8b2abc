//! RXON as it looks on the wire, seen from the orchestrator: 1.0b2, and what both versions
//! have in common. [`v1_0b17`] has what is different there.
//!
//! Nothing outside this folder knows a member name of a message, except for the
//! worker record, which is stored as it comes and read in `registry.rs`, and for what says
//! that a message is to be believed, in `trust.rs`.

pub(crate) mod v1_0b17;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::job::{Answer, Extras};
use crate::{JobId, TaskId, TaskName};

pub(crate) const REGISTER: &str = "/_worker/workers/register";
pub(crate) const POLL: &str = "/_worker/workers/{worker_id}/tasks/next";
pub(crate) const HEARTBEAT: &str = "/_worker/workers/{worker_id}";
pub(crate) const RESULT: &str = "/_worker/tasks/result";
pub(crate) const SOCKET: &str = "/_worker/ws";
pub(crate) const SOCKET_WITH_ID: &str = "/_worker/ws/{worker_id}";
pub(crate) const TOKEN: &str = "/_worker/auth/token";
pub(crate) const STATUS: &str = "/_public/status";
/// What clients use; the version is whatever a blueprint says.
pub(crate) const CLIENT_JOBS: &str = "/api/{version}/jobs";
pub(crate) const CLIENT_JOB: &str = "/api/{version}/jobs/{name}";
pub(crate) const CLIENT_CANCEL: &str = "/api/{version}/jobs/{name}/cancel";

pub(crate) const TOKEN_HEADER: &str = "x-worker-token";
pub(crate) const VERSION_HEADER: &str = "x-rxon-version";

/// The key of a socket that was opened without a worker id.
pub(crate) const NAMELESS_SOCKET: &str = "unknown_authenticated_by_global_token";

/// Responses from this size on are compressed when the client offers it.
pub(crate) const COMPRESS_FROM: usize = 500;
/// Larger request bodies are refused with 413.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

pub(crate) const REGISTERED: &[u8] = br#"{"status": "registered"}"#;
pub(crate) const OK: &[u8] = br#"{"status": "ok"}"#;
pub(crate) const REFRESHED: &[u8] = br#"{"status": "ttl_refreshed"}"#;
/// What a heartbeat of an unknown worker gets.
pub(crate) const NULL: &[u8] = b"null";

/// `{"error": ...}`
pub(crate) fn error(text: &str) -> Bytes {
    json!({ "error": text }).to_string().into()
}

/// Why a message cannot be read; the answer is 500, as everything that 1.0b12
/// cannot handle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("expected a JSON object")]
    NotAnObject,
    #[error("Missing required field: worker_id")]
    NoWorkerId,
    #[error("Invalid worker_id: {0:?}")]
    InvalidWorkerId(String),
    #[error("job_id and task_id are required")]
    NoIds,
}

/// An object, or `None` for an empty body or an empty object.
pub(crate) fn members(body: &[u8]) -> Result<Option<Map<String, Value>>, WireError> {
    if body.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(body)? {
        Value::Object(members) if members.is_empty() => Ok(None),
        Value::Object(members) => Ok(Some(members)),
        _ => Err(WireError::NotAnObject),
    }
}

/// The record of a registration and the worker id in it.
pub(crate) fn registration(body: &[u8]) -> Result<(String, Map<String, Value>), WireError> {
    let record = members(body)?.ok_or(WireError::NoWorkerId)?;
    let Some(id) = record.get("worker_id").and_then(Value::as_str) else {
        return Err(WireError::NoWorkerId);
    };
    if crate::check_identifier(id).is_err() {
        return Err(WireError::InvalidWorkerId(id.to_owned()));
    }
    Ok((id.to_owned(), record))
}

/// The worker id that a body claims, for the choice of the token.
pub(crate) fn worker_hint(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Hint {
        worker_id: Option<String>,
    }
    serde_json::from_slice::<Hint>(body).ok()?.worker_id
}

/// A task on its way to a worker.
#[derive(Debug)]
pub(crate) struct TaskMessage {
    pub(crate) job_id: JobId,
    pub(crate) task_id: TaskId,
    pub(crate) name: TaskName,
    pub(crate) params: Arc<RawValue>,
    /// What results of the job have told of their files, by their places in results.
    pub(crate) params_metadata: Arc<Map<String, Value>>,
    pub(crate) extras: Arc<Extras>,
    /// When the job is to be done.
    pub(crate) deadline: Option<SystemTime>,
    /// How many steps the job has entered.
    pub(crate) step: usize,
    /// The security object of the last result that led the job on.
    pub(crate) security: Option<Value>,
}

impl TaskMessage {
    /// As a poll answers it in 1.0b2.
    pub(crate) fn to_bytes(&self) -> Bytes {
        #[derive(Serialize)]
        struct Form<'a> {
            job_id: &'a JobId,
            task_id: &'a TaskId,
            #[serde(rename = "type")]
            name: &'a TaskName,
            params: &'a RawValue,
            tracing_context: &'a BTreeMap<String, String>,
            params_metadata: &'a Map<String, Value>,
        }
        let form = Form {
            job_id: &self.job_id,
            task_id: &self.task_id,
            name: &self.name,
            params: &self.params,
            tracing_context: &self.extras.tracing,
            params_metadata: &self.params_metadata,
        };
        serde_json::to_vec(&form)
            .expect("ids and checked JSON can always be written")
            .into()
    }
}

/// A result. The server is lenient about all but the two ids.
#[derive(Debug)]
pub(crate) struct ResultMessage {
    pub(crate) job: JobId,
    pub(crate) task: TaskId,
    pub(crate) worker_id: Option<String>,
    /// Kept for the next task of the job, in 1.0b17.
    pub(crate) security: Option<Value>,
    pub(crate) answer: Answer,
    /// `data_metadata`
    pub(crate) files: Map<String, Value>,
}

impl ResultMessage {
    pub(crate) fn read(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Form {
            job_id: Option<JobId>,
            task_id: Option<TaskId>,
            worker_id: Option<String>,
            status: Option<String>,
            data: Option<Value>,
            error: Option<Value>,
            data_metadata: Option<Map<String, Value>>,
        }
        let form: Form = serde_json::from_slice(body)?;
        let (Some(job), Some(task)) = (form.job_id, form.task_id) else {
            return Err(WireError::NoIds);
        };
        Ok(Self {
            job,
            task,
            worker_id: form.worker_id,
            security: None,
            answer: Answer {
                status: form.status.unwrap_or_else(|| "success".to_owned()),
                data: form.data,
                error: form.error,
            },
            files: form.data_metadata.unwrap_or_default(),
        })
    }
}

/// The command that calls a task off.
pub(crate) fn cancel_command(job: &JobId, task: &TaskId) -> String {
    json!({"command": "cancel_task", "task_id": task, "job_id": job}).to_string()
}

/// What a worker says over its socket.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    event: String,
    pub(crate) job_id: JobId,
    #[serde(default, rename = "progress")]
    pub(crate) value: Option<Value>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

impl Progress {
    /// `None` for everything that is no progress: the server ignores it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let progress: Self = serde_json::from_str(text).ok()?;
        (progress.event == "progress_update").then_some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_the_members_of_1_0b2_in_their_order() {
        let task = TaskMessage {
            job_id: "j".into(),
            task_id: "t".into(),
            name: "echo".into(),
            params: Arc::from(RawValue::from_string("{\"a\": 1.0}".into()).unwrap()),
            params_metadata: Arc::default(),
            extras: Arc::default(),
            deadline: None,
            step: 1,
            security: None,
        };
        assert_eq!(
            task.to_bytes(),
            r#"{"job_id":"j","task_id":"t","type":"echo","params":{"a": 1.0},"tracing_context":{},"params_metadata":{}}"#
        );
    }

    #[test]
    fn an_error_may_be_plain_text_and_data_may_be_a_list() {
        let body = br#"{"job_id":"j","task_id":"t","status":"failure","data":[1],"error":"no"}"#;
        let message = ResultMessage::read(body).unwrap();
        assert_eq!(message.answer.error, Some(json!("no")));
        assert!(ResultMessage::read(br#"{"job_id":"j"}"#).is_err());
    }

    #[test]
    fn only_progress_is_heard() {
        let text =
            r#"{"event":"progress_update","task_id":"t","job_id":"j","progress":1,"message":""}"#;
        assert_eq!(Progress::read(text).unwrap().value, Some(json!(1)));
        assert!(Progress::read(r#"{"event":"else","job_id":"j"}"#).is_none());
        assert!(Progress::read("[1]").is_none());
    }
}
