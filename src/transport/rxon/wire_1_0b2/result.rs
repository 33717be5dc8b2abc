//! Results, written round data that may be large and is not parsed again.

use bytes::Bytes;
use serde::Serialize;

use crate::id::WorkerId;
use crate::json::RawJson;
use crate::task::{Outcome, TaskError, TaskResult};
use crate::transport::TransportError;

/// avtomatika 1.0b12 answers 413 to larger bodies.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// The body of a result.
///
/// # Errors
/// When it is larger than the orchestrator takes.
pub(in super::super) fn write_result(
    worker_id: &WorkerId,
    result: &TaskResult,
) -> Result<Bytes, TransportError> {
    let (status, data, error) = match &result.outcome {
        Outcome::Completed(reply) => (reply.status(), Some(reply.data()), None),
        Outcome::Failed(error) => ("failure", None, Some(error)),
        Outcome::Cancelled => ("cancelled", None, None),
    };
    let files = match &result.outcome {
        Outcome::Completed(reply) => reply.data_metadata(),
        _ => None,
    };
    let size = data.map_or(0, len)
        + files.map_or(0, len)
        + error.and_then(TaskError::details).map_or(0, len);
    if size > BODY_LIMIT {
        return Err(TransportError::TooLarge { size });
    }
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
    let body = body.end();
    if body.len() > BODY_LIMIT {
        return Err(TransportError::TooLarge { size: body.len() });
    }
    Ok(body.into())
}

fn len(raw: &RawJson) -> usize {
    raw.as_bytes().len()
}

/// A JSON object in the making, into which finished JSON can be put as it is.
struct Object(Vec<u8>);

impl Object {
    fn with_capacity(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'{');
        Self(text)
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.json(value);
    }

    fn raw(&mut self, name: &'static str, value: Option<&RawJson>) {
        let bytes = value.map_or(b"null".as_slice(), |raw| raw.as_bytes());
        self.raw_bytes(name, bytes);
    }

    /// `value` has to be JSON.
    fn raw_bytes(&mut self, name: &'static str, value: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(value);
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn name(&mut self, name: &'static str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.json(name);
        self.0.push(b':');
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.0, value)
            .expect("texts always have a JSON form, and writing to memory does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_whatever_its_texts_hold() {
        let mut object = Object::with_capacity(0);
        object.text("plain", "a");
        object.text("odd", "\"\\\u{0}\n}ü\u{2028}");
        object.raw("nothing", None);
        object.raw(
            "data",
            Some(&RawJson::from_serialize(&["x\"", "y"]).unwrap()),
        );
        let read: serde_json::Value = serde_json::from_slice(&object.end()).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "plain": "a",
                "odd": "\"\\\u{0}\n}ü\u{2028}",
                "nothing": null,
                "data": ["x\"", "y"],
            })
        );
        assert_eq!(Object::with_capacity(0).end(), b"{}");
    }
}
