//! Results, written round data that may be large.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Stamp;
use crate::id::WorkerId;
use crate::json::RawJson;
use crate::task::{Outcome, Reply, TaskError, TaskResult};
use crate::transport::failure;
use crate::transport::rxon::object::Object;

const RUNNING_TIME: &str = "execution_time_seconds";

/// A result, not signed yet. How large it may be is for the orchestrator to say.
pub(in super::super) fn write_result(
    worker_id: &WorkerId,
    result: &TaskResult,
    stamp: &Stamp,
) -> Vec<u8> {
    let failure = result.outcome.told_failure();
    let failure = failure.as_deref().map(failure::cut);
    let error = failure.as_deref();
    let (status, reply) = match &result.outcome {
        Outcome::Completed(reply) => (reply.status(), Some(reply)),
        Outcome::Failed(_) | Outcome::Interrupted(_) => ("failure", None),
        Outcome::Cancelled => ("cancelled", None),
    };
    let metadata = match reply {
        // avtomatika 1.0b30 answers 500, for ever, to metadata for a job that has none;
        // its tasks come without.
        Some(reply) => reply.metadata().filter(|_| result.task_metadata.is_some()),
        None => result.task_metadata.as_ref(),
    };
    let data = reply.map(Reply::data);
    let data_metadata = reply.and_then(Reply::data_metadata);
    let details = error.and_then(TaskError::details);
    let size: usize = [data, metadata, data_metadata, details]
        .into_iter()
        .flatten()
        .map(|raw| raw.as_bytes().len())
        .sum();
    let mut body = Object::with_capacity(size + 512);
    // By name, as they are signed: then the signature need not sort them.
    if !matches!(result.outcome, Outcome::Cancelled) {
        body.raw_bytes("costs", &costs(result, reply.and_then(Reply::costs)));
    }
    body.part("data", data);
    body.part("data_metadata", data_metadata);
    if let Some(error) = error {
        body.raw_bytes("error", &error_object(error));
    }
    body.text("job_id", result.job_id.as_str());
    body.part("metadata", metadata);
    body.text("nonce", &stamp.nonce);
    body.text("origin_worker_id", worker_id.as_str());
    // Without one it would mean success, in 1.0b2 nothing at all.
    body.text("status", status);
    body.text("task_id", result.task_id.as_str());
    body.raw_bytes("timestamp", stamp.timestamp.to_string().as_bytes());
    body.text("worker_id", worker_id.as_str());
    body.end()
}

fn error_object(error: &TaskError) -> Vec<u8> {
    let mut told = Object::with_capacity(128);
    told.text("code", error.code().as_str());
    // 1.0b30 refuses details that are no object.
    match error.details() {
        Some(details) if details.is_object() => told.raw("details", Some(details)),
        Some(details) => {
            let mut wrapped = Object::with_capacity(details.as_bytes().len() + 16);
            wrapped.raw("value", Some(details));
            told.raw_bytes("details", &wrapped.end());
        }
        None => {}
    }
    told.text("message", error.message());
    told.end()
}

/// What the handler says, and how long it ran unless it says that, too.
fn costs(result: &TaskResult, told: Option<&RawJson>) -> Vec<u8> {
    let seconds = (result.ran_for.as_secs_f64() * 1e4).round() / 1e4;
    let seconds = format!("{seconds:?}");
    let told: BTreeMap<String, &RawValue> = told
        .and_then(|told| serde_json::from_slice(told.as_bytes()).ok())
        .unwrap_or_default();
    if told.contains_key(RUNNING_TIME) {
        return serde_json::to_vec(&told).expect("texts and JSON have a JSON form");
    }
    let mut costs = Object::with_capacity(64);
    costs.raw_bytes(RUNNING_TIME, seconds.as_bytes());
    for (name, value) in told {
        costs.member(&name, value.get().as_bytes());
    }
    costs.end()
}
