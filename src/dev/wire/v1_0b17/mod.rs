//! What is different in RXON 1.0b17: what workers send.

mod registration;
mod reply;
mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ResultMessage;
use crate::dev::job::Answer;
use crate::{JobId, TaskId};

pub(crate) use registration::record;
pub(crate) use reply::{
    BeatReply, EVENT_ACCEPTED, OK, REFRESHED, accepted, event_error, ignored, issued, registered,
    too_many,
};
pub(crate) use task::{params, task};

pub(crate) const EVENTS: &str = "/_worker/events";
pub(crate) const TOKEN_REFRESH: &str = "/_worker/auth/token/refresh";

pub(crate) const WORKER_ID_HEADER: &str = "x-worker-id";

const VIOLATION: &str = "CONTRACT_VIOLATION_ERROR";

/// As every message of this dialect: members that are null are not there.
pub(crate) fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls_in);
}

fn drop_nulls_in(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_in),
        _ => {}
    }
}

fn read<T: for<'de> Deserialize<'de>>(message: &Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(message).map_err(|error| {
        let path = error.path().to_string();
        format!("{} - at `$.{path}`", error.into_inner())
    })
}

/// A result; types are checked, unlike in 1.0b2.
pub(crate) fn result(message: &Map<String, Value>) -> Result<ResultMessage, String> {
    #[derive(Deserialize)]
    struct Form {
        job_id: JobId,
        task_id: TaskId,
        worker_id: Option<String>,
        status: Option<String>,
        data: Option<Map<String, Value>>,
        error: Option<ErrorForm>,
        #[serde(rename = "data_metadata")]
        _data_metadata: Option<Map<String, Value>>,
        #[serde(rename = "metadata")]
        _metadata: Option<Map<String, Value>>,
        security: Option<Map<String, Value>>,
    }
    #[derive(Serialize, Deserialize)]
    struct ErrorForm {
        code: String,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Map<String, Value>>,
    }
    let wrong = |error| format!("Invalid TaskResult payload: {error}");
    let form: Form = read(message).map_err(wrong)?;
    let error = form.error.map(|error| json!(error));
    Ok(ResultMessage {
        job: form.job_id,
        task: form.task_id,
        worker_id: form.worker_id,
        security: form.security.map(Value::Object),
        answer: Answer {
            status: form.status.unwrap_or_else(|| "success".to_owned()),
            data: form.data.map(Value::Object),
            error,
        },
    })
}

/// What takes the place of a success whose data break the contract.
pub(crate) fn violation(message: &str) -> Answer {
    let message =
        format!("Contract violation: result data does not match output_schema. {message}");
    Answer {
        status: "failure".to_owned(),
        data: None,
        error: Some(json!({"code": VIOLATION, "message": message})),
    }
}

/// An event of a worker.
#[derive(Debug, Deserialize)]
pub(crate) struct EventMessage {
    #[serde(rename = "event_id")]
    _id: String,
    pub(crate) worker_id: String,
    pub(crate) origin_worker_id: String,
    #[serde(rename = "event_type")]
    pub(crate) kind: String,
    pub(crate) payload: Map<String, Value>,
    target_job_id: Option<JobId>,
    target_task_id: Option<JobId>,
    pub(crate) bubbling_chain: Option<Vec<String>>,
    #[serde(rename = "trace_context")]
    _trace_context: Option<BTreeMap<String, String>>,
    #[serde(rename = "priority")]
    _priority: Option<f64>,
    #[serde(rename = "metadata")]
    _metadata: Option<Map<String, Value>>,
}

impl EventMessage {
    pub(crate) fn read(message: &Map<String, Value>) -> Result<Self, String> {
        read(message).map_err(|error| format!("Invalid event payload: {error}"))
    }

    /// The job it is about; a task id in its place finds none.
    pub(crate) fn job(&self) -> Option<&JobId> {
        self.target_job_id.as_ref().or(self.target_task_id.as_ref())
    }

    pub(crate) fn is_progress(&self) -> bool {
        self.kind == "progress"
    }
}

/// The refresh token in a request for new tokens.
pub(crate) fn refresh_token(body: &[u8]) -> Result<String, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let token = body.get("refresh_token").and_then(Value::as_str);
    let token = token.filter(|token| !token.is_empty());
    token.map_or_else(
        || Err("Missing refresh_token in payload".to_owned()),
        |it| Ok(it.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_a_result_are_checked() {
        let read = |message: Value| match message {
            Value::Object(members) => result(&members),
            other => panic!("{other} is no object"),
        };
        for wrong in [
            json!({"job_id": "j"}),
            json!({"job_id": "j", "task_id": "t", "data": [1]}),
            json!({"job_id": "j", "task_id": "t", "error": "text"}),
        ] {
            assert!(read(wrong).is_err());
        }
        let fine = read(json!({"job_id": "j", "task_id": "t"})).unwrap();
        assert_eq!(fine.answer.status, "success");
    }
}
