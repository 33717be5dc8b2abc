//! Events, progress among them, and calls of skills.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Stamp;
use crate::id::{JobId, TaskId, WorkerId};
use crate::transport::{Event, ProgressUpdate, SkillCall, TransportError};

/// The largest event that is sent. avtomatika 1.0b30 answers 413 to larger ones.
pub(in super::super) const BODY_LIMIT: usize = 1024 * 1024;

#[derive(Serialize)]
struct WireEvent<'a, P> {
    event_id: &'a str,
    worker_id: &'a WorkerId,
    origin_worker_id: &'a WorkerId,
    event_type: &'a str,
    payload: P,
    origin_task_id: &'a TaskId,
    target_job_id: &'a JobId,
    target_task_id: &'a TaskId,
    /// Grows on its way through other workers; not signed.
    bubbling_chain: [&'a str; 0],
    trace_context: &'a BTreeMap<String, String>,
    priority: f64,
    timestamp: u64,
}

#[derive(Serialize)]
struct Progress<'a> {
    #[serde(rename = "progress")]
    value: f64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Call<'a> {
    skill_name: &'a str,
    params: &'a RawValue,
}

/// An event, not signed yet. Its own id is what tells it from others.
///
/// # Errors
/// When its payload is no JSON object.
pub(in super::super) fn write_event(
    worker_id: &WorkerId,
    event: &Event,
    timestamp: u64,
) -> Result<Vec<u8>, TransportError> {
    if !event.payload.is_object() {
        return Err(TransportError::Refused {
            reason: format!("the payload of event {:?} is no JSON object", event.name),
        });
    }
    Ok(write(&WireEvent {
        event_id: &event.id,
        worker_id,
        origin_worker_id: worker_id,
        event_type: &event.name,
        payload: raw(event.payload.as_str()),
        origin_task_id: &event.task_id,
        target_job_id: &event.job_id,
        target_task_id: &event.task_id,
        bubbling_chain: [],
        trace_context: &event.trace_context,
        priority: event.priority,
        timestamp,
    }))
}

/// Progress as an event, not signed yet.
pub(in super::super) fn write_progress(
    worker_id: &WorkerId,
    update: &ProgressUpdate,
    stamp: &Stamp,
) -> Vec<u8> {
    write(&WireEvent {
        event_id: &stamp.nonce,
        worker_id,
        origin_worker_id: worker_id,
        event_type: "progress",
        payload: Progress {
            value: update.progress,
            message: &update.message,
            data: update.data.as_ref().map(|data| raw(data.as_str())),
        },
        origin_task_id: &update.task_id,
        target_job_id: &update.job_id,
        target_task_id: &update.task_id,
        bubbling_chain: [],
        trace_context: &update.trace_context,
        priority: 0.0,
        timestamp: stamp.timestamp,
    })
}

/// A call of a skill, as avtomatika-worker 1.0b20 sends it: not signed.
pub(in super::super) fn write_call(call: &SkillCall) -> Vec<u8> {
    write(&Call {
        skill_name: call.skill.as_str(),
        params: raw(call.params.as_str()),
    })
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).expect("it was checked when it was made")
}

fn write(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("structs of texts, numbers and JSON have a JSON form")
}
