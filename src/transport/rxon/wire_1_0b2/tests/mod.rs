//! The messages against captured traffic of avtomatika-worker 1.0b4 with
//! avtomatika 1.0b12.

mod hostile;
mod received;
mod sent;

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::id::OrchestratorId;
use crate::task::Task;
use crate::transport::TransportError;

const ORIGIN: OrchestratorId = OrchestratorId(3);

macro_rules! capture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../../../../tests/vectors/captures/1.0b2-",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

fn captures() -> Vec<Value> {
    vec![
        capture!("lifecycle"),
        capture!("hot-cache"),
        capture!("capacity-global"),
        capture!("failure-codes"),
        capture!("statuses"),
        capture!("restart"),
        capture!("cancel"),
    ]
}

/// A plain client that tried out every endpoint and error.
fn raw_captures() -> [Value; 2] {
    [capture!("raw-client"), capture!("raw-client-2")]
}

/// The exchanges of all captures with this method and end of the path.
fn exchanges(method: &str, path: &str) -> Vec<Value> {
    let captures = captures();
    let all = captures
        .iter()
        .flat_map(|capture| capture["exchanges"].as_array().unwrap());
    let found: Vec<_> = all
        .filter(|it| {
            let target = it["request"]["target"].as_str().unwrap();
            it["request"]["method"] == method && target.ends_with(path)
        })
        .cloned()
        .collect();
    assert!(!found.is_empty(), "{method} {path}");
    found
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What is read from the text of an answer to a poll.
fn task(text: &str) -> Result<Task, TransportError> {
    read_task(ORIGIN, &Bytes::copy_from_slice(text.as_bytes()))
}
