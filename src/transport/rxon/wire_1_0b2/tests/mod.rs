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
use crate::transport::rxon::captured::{self, json_of};

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
    captured::exchanges(&captures(), method, path, |target, path| {
        target.ends_with(path)
    })
}

/// What is read from the text of an answer to a poll.
fn task(text: &str) -> Result<Task, TransportError> {
    read_task(ORIGIN, &Bytes::copy_from_slice(text.as_bytes()))
}
