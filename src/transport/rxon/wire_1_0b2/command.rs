//! What goes over the WebSocket: commands in, progress out.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{JobId, TaskId};
use crate::json::RawJson;
use crate::transport::{CancelTarget, Command, CustomCommand, ProgressUpdate};

const CANCEL_TASK: &str = "cancel_task";

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    command: Cow<'a, str>,
    #[serde(borrow, default)]
    task_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    job_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ProgressUpdated<'a> {
    event: &'static str,
    task_id: &'a TaskId,
    job_id: &'a JobId,
    progress: f64,
    message: &'a str,
}

/// Reads a text frame. The error says what is wrong with it.
pub(in super::super) fn read_command(text: &Bytes) -> Result<Command, String> {
    let wire: Wire<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if wire.command == CANCEL_TASK {
        // A job may have several tasks; the id of the task says which is meant.
        let target = wire.task_id.or(wire.job_id);
        let target = target.filter(|id| !id.is_empty());
        let target = target.ok_or("it names neither a task nor a job")?;
        return Ok(Command::Cancel(CancelTarget(target.into_owned())));
    }
    let params = wire.params.map(|raw| RawJson::slice_of(text, raw));
    Ok(Command::Custom(CustomCommand {
        name: wire.command.into_owned(),
        params: params.unwrap_or_else(RawJson::empty_object),
        task_id: wire.task_id.map(|id| id.as_ref().into()),
        job_id: wire.job_id.map(|id| id.as_ref().into()),
    }))
}

/// The text frame for a progress update.
pub(in super::super) fn write_progress(update: &ProgressUpdate) -> String {
    let progress = ProgressUpdated {
        event: "progress_update",
        task_id: &update.task_id,
        job_id: &update.job_id,
        progress: update.progress,
        message: &update.message,
    };
    serde_json::to_string(&progress).expect("a struct of texts and a number has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Command, String> {
        read_command(&Bytes::from_static(text.as_bytes()))
    }

    fn target(text: &'static str) -> String {
        match read(text) {
            Ok(Command::Cancel(CancelTarget(id))) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cancel_names_the_task_and_else_the_job() {
        assert_eq!(
            target(r#"{"command": "cancel_task", "task_id": "t", "job_id": "j"}"#),
            "t"
        );
        assert_eq!(target(r#"{"command":"cancel_task","job_id":"j"}"#), "j");
        assert_eq!(
            target(r#"{"command":"cancel_task","task_id":null,"job_id":"j","extra":[1]}"#),
            "j"
        );
    }

    #[test]
    fn any_other_command_is_handed_on_with_what_came_with_it() {
        let text = r#"{"command":"reload","params":{"a": [1.0]},"task_id":"t","metadata":{}}"#;
        let Ok(Command::Custom(custom)) = read(text) else {
            panic!("a custom command")
        };
        assert_eq!(custom.name, "reload");
        assert_eq!(custom.params.as_str(), r#"{"a": [1.0]}"#);
        assert_eq!(custom.task_id, Some("t".into()));
        assert_eq!(custom.job_id, None);
        for bare in [r#"{"command":"x"}"#, r#"{"command":"x","params":null}"#] {
            let Ok(Command::Custom(custom)) = read(bare) else {
                panic!("a custom command")
            };
            assert_eq!(custom.params.as_str(), "{}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_so() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "\"cancel_task\"",
            r#"{"task_id":"t"}"#,
            r#"{"command":7}"#,
            r#"{"command":"cancel_task"}"#,
            r#"{"command":"cancel_task","task_id":""}"#,
            r#"{"command":"cancel_task","task_id":7}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read_command(&Bytes::from_static(b"{\"command\":\"\xff\"}")).is_err());
    }

    #[test]
    fn progress_looks_as_the_python_worker_sends_it() {
        let capture = include_str!("../../../../tests/vectors/captures/1.0b2-progress.json");
        let capture: serde_json::Value = serde_json::from_str(capture).unwrap();
        let frames: Vec<_> = capture["exchanges"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|exchange| exchange["websocket_frames"].as_array())
            .flatten()
            .filter(|frame| frame["type"] == "text")
            .collect();
        assert_eq!(frames.len(), 3);
        for frame in frames {
            let wire = &frame["json"];
            let text = |name: &str| wire[name].as_str().unwrap().to_owned();
            let update = ProgressUpdate {
                task_id: text("task_id").into(),
                job_id: text("job_id").into(),
                progress: wire["progress"].as_f64().unwrap(),
                message: text("message"),
                data: None,
                trace_context: std::collections::BTreeMap::new(),
            };
            let ours: serde_json::Value = serde_json::from_str(&write_progress(&update)).unwrap();
            assert_eq!(&ours, wire);
        }
    }
}
