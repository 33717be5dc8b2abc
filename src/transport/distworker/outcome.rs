//! From our vocabulary to the controller's: the end of a task, its progress, and tasks
//! on their way in.

use std::time::Duration;

use bytes::Bytes;

use super::wire::messages::{FileInfo, Payload, TaskComplete, TaskFailed, TaskProgress};
use super::wire::structs::{Kind, Struct, Value, Whole};
use super::wire::{Assignment, write};
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{
    Attachment, ErrorCode, Outcome, Reply, Task, TaskError, TaskResult, UNSUPPORTED,
};
use crate::transport::TransportError;

/// A task as it was assigned.
pub(super) fn task(origin: OrchestratorId, assigned: Assignment) -> Task {
    let params = assigned.input.unwrap_or_else(RawJson::empty_object);
    let id = assigned.task_id.as_str();
    let mut task = Task::new(origin, id, id, assigned.queue, params);
    task.metadata = assigned.metadata;
    let limit = u64::try_from(assigned.timeout_ms).ok();
    task.timeout = limit.filter(|ms| *ms > 0).map(Duration::from_millis);
    task.attachments = assigned.files.into_iter().map(Into::into).collect();
    task
}

fn file_info(file: &Attachment) -> FileInfo {
    FileInfo {
        file_id: file.id.clone(),
        filename: file.name.clone(),
        content_type: file.content_type.clone(),
        size: file.size,
        storage_url: file.url.clone(),
    }
}

/// The one final message of a task.
///
/// # Errors
/// When the data of a success cannot be sent as it is; a failure always can.
pub(super) fn end_of(result: &TaskResult) -> Result<Bytes, TransportError> {
    let id = result.task_id.as_str();
    match &result.outcome {
        Outcome::Completed(reply) => complete(id, reply),
        Outcome::Failed(error) => Ok(failed(id, error)),
        Outcome::Cancelled => Ok(called_off(id, "the task was called off")),
        Outcome::Interrupted(why) => Ok(called_off(id, why.message())),
    }
}

fn complete(task_id: &str, reply: &Reply) -> Result<Bytes, TransportError> {
    let data = Struct::of_json(reply.data(), Whole::Exact);
    let mut data = data.map_err(|error| TransportError::Refused {
        reason: format!("the result cannot be sent: {error}"),
    })?;
    // There is no place for a status, so it goes where a program may look for it.
    if reply.status() != "success" {
        let kind = Some(Kind::Text(reply.status().to_owned()));
        let status = Value { kind };
        data.fields.entry("status".to_owned()).or_insert(status);
    }
    Ok(write(Payload::TaskComplete(TaskComplete {
        task_id: task_id.to_owned(),
        result: (!data.fields.is_empty()).then_some(data),
        result_files: reply.attachments().iter().map(file_info).collect(),
    })))
}

/// A failure of ours, not of a handler.
pub(super) fn called_off(task_id: &str, message: &str) -> Bytes {
    failure(task_id, "CANCELLED", message, None)
}

/// The failure of a task that could not be read.
pub(super) fn unread(task_id: &str, message: &str) -> Bytes {
    failure(task_id, "INTERNAL_ERROR", message, None)
}

fn failed(task_id: &str, error: &TaskError) -> Bytes {
    let error = &*crate::transport::failure::cut(error);
    let details = error.details().and_then(|details| {
        let rounded = |json: &RawJson| Struct::of_json(json, Whole::Rounded).ok();
        rounded(details).or_else(|| {
            let wrapped = std::collections::BTreeMap::from([("details", details)]);
            rounded(&RawJson::from_serialize(&wrapped).ok()?)
        })
    });
    failure(task_id, code_of(error), error.message(), details)
}

/// The codes that controller and SDK use themselves (0.0.6), in place of ours that mean
/// the same. Any other code is kept.
fn code_of(error: &TaskError) -> &str {
    match error.code() {
        ErrorCode::Transient => "HANDLER_ERROR",
        ErrorCode::Permanent if error.message().starts_with(UNSUPPORTED) => "NO_HANDLER",
        ErrorCode::Timeout => "TIMEOUT",
        other => other.as_str(),
    }
}

fn failure(task_id: &str, code: &str, message: &str, details: Option<Struct>) -> Bytes {
    write(Payload::TaskFailed(TaskFailed {
        task_id: task_id.to_owned(),
        error_code: code.to_owned(),
        error_message: message.to_owned(),
        error_details: details,
    }))
}

/// Progress in percent, from 0.0 to 1.0.
pub(super) fn progress(
    task_id: &str,
    value: f64,
    message: String,
    data: Option<&RawJson>,
) -> Result<Bytes, TransportError> {
    let data = data.map(|data| Struct::of_json(data, Whole::Exact));
    let data = data.transpose().map_err(|error| TransportError::Refused {
        reason: format!("the data of a progress cannot be sent: {error}"),
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "32 bits on the wire")]
    let percent = (value * 100.0) as f32;
    Ok(write(Payload::TaskProgress(TaskProgress {
        task_id: task_id.to_owned(),
        progress: percent,
        message,
        data,
    })))
}

#[cfg(test)]
mod tests {
    use super::super::wire::messages::Envelope;
    use super::*;
    use crate::task::Interruption;
    use prost::Message;
    use serde_json::json;

    fn sent(outcome: Outcome) -> Payload {
        let task = Task::new(OrchestratorId(0), "t", "t", "q", RawJson::empty_object());
        let bytes = end_of(&TaskResult::of(&task, outcome, Duration::ZERO)).unwrap();
        Envelope::decode(bytes).unwrap().payload.unwrap()
    }

    fn code(error: TaskError) -> String {
        match sent(Outcome::Failed(error)) {
            Payload::TaskFailed(failed) => failed.error_code,
            other => panic!("{other:?}"),
        }
    }

    fn result(reply: Reply) -> Option<String> {
        match sent(Outcome::Completed(reply)) {
            Payload::TaskComplete(done) => done.result.map(|it| it.to_json().as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn failures_have_the_codes_of_the_sdk_and_keep_those_of_handlers() {
        let io = std::io::Error::other("boom");
        assert_eq!(code(TaskError::from(io)), "HANDLER_ERROR");
        assert_eq!(
            code(TaskError::permanent("Unsupported task: x")),
            "NO_HANDLER"
        );
        assert_eq!(code(TaskError::permanent("no")), "PERMANENT_ERROR");
        assert_eq!(code(TaskError::new("TEAPOT", "short")), "TEAPOT");
        assert_eq!(code(TaskError::from(ErrorCode::Timeout)), "TIMEOUT");
        let interrupted = Outcome::Interrupted(Interruption::ShutDown);
        for called_off in [Outcome::Cancelled, interrupted] {
            let Payload::TaskFailed(failed) = sent(called_off) else {
                panic!()
            };
            assert_eq!(failed.error_code, "CANCELLED");
        }
    }

    #[test]
    fn details_that_are_no_object_are_put_into_one() {
        let error = TaskError::permanent("no").with_details(&[1, 2]);
        let Payload::TaskFailed(failed) = sent(Outcome::Failed(error)) else {
            panic!()
        };
        let details = failed.error_details.unwrap().to_json();
        assert_eq!(details.as_str(), r#"{"details":[1,2]}"#);
    }

    #[test]
    fn results_are_objects_or_nothing() {
        assert_eq!(result(Reply::success(&()).unwrap()), None);
        let text = result(Reply::success(&"x").unwrap());
        assert_eq!(text.as_deref(), Some(r#"{"result":"x"}"#));
        let custom = Reply::status_with("needs_review", &json!({"a": 1})).unwrap();
        let custom = result(custom);
        assert_eq!(
            custom.as_deref(),
            Some(r#"{"a":1,"status":"needs_review"}"#)
        );
    }

    #[test]
    fn a_result_that_would_change_on_its_way_is_refused() {
        let task = Task::new(OrchestratorId(0), "t", "t", "q", RawJson::empty_object());
        let reply = Reply::success(&json!({"id": u64::MAX})).unwrap();
        let result = TaskResult::of(&task, Outcome::Completed(reply), Duration::ZERO);
        let error = end_of(&result).unwrap_err();
        assert!(
            matches!(&error, TransportError::Refused { reason } if reason.contains("id: ")),
            "{error}"
        );
    }

    #[test]
    fn whole_numbers_beyond_64_bits_are_refused_with_their_field() {
        let text = r#"{"a":[1,{"id":340282366920938463463374607431768211455}],"e":1e30}"#;
        let task = Task::new(OrchestratorId(0), "t", "t", "q", RawJson::empty_object());
        let data = RawJson::from_bytes(Bytes::from_static(text.as_bytes())).unwrap();
        let reply = Reply::success(&data).unwrap();
        let result = TaskResult::of(&task, Outcome::Completed(reply), Duration::ZERO);
        let error = end_of(&result).unwrap_err();
        assert!(
            matches!(&error, TransportError::Refused { reason } if reason.contains("a[1].id: 3402")),
            "{error}"
        );
        // What a double holds goes as it is.
        let held = result_of(r#"{"e":1e30,"p":36893488147419103232}"#);
        assert!(end_of(&held).is_ok());
    }

    fn result_of(text: &'static str) -> TaskResult {
        let task = Task::new(OrchestratorId(0), "t", "t", "q", RawJson::empty_object());
        let data = RawJson::from_bytes(Bytes::from_static(text.as_bytes())).unwrap();
        let reply = Reply::success(&data).unwrap();
        TaskResult::of(&task, Outcome::Completed(reply), Duration::ZERO)
    }

    #[test]
    fn a_long_failure_is_cut_and_keeps_its_code() {
        let error = TaskError::transient("x".repeat(1_100_000)).with_details(&"y".repeat(1 << 20));
        let Payload::TaskFailed(failed) = sent(Outcome::Failed(error)) else {
            panic!()
        };
        assert_eq!(failed.error_code, "HANDLER_ERROR");
        assert!(failed.error_message.len() < 32 * 1024);
    }

    #[test]
    fn a_task_has_what_was_assigned() {
        let assigned = Assignment {
            task_id: "t".to_owned(),
            queue: "files.x".to_owned(),
            timeout_ms: 1500,
            files: vec![FileInfo {
                file_id: "f".to_owned(),
                filename: "a.txt".to_owned(),
                ..FileInfo::default()
            }],
            ..Assignment::default()
        };
        let made = task(OrchestratorId(3), assigned.clone());
        assert_eq!((made.params.as_str(), made.metadata), ("{}", None));
        assert_eq!(made.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(made.attachments[0].name, "a.txt");
        for none in [0, -1] {
            let timeout_ms = none;
            let made = task(
                OrchestratorId(3),
                Assignment {
                    timeout_ms,
                    ..assigned.clone()
                },
            );
            assert_eq!(made.timeout, None);
        }
    }
}
