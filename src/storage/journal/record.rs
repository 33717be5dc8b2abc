//! Notes as bytes: a letter for the kind, then JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::notes::HandOut;
use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::json::RawJson;
use crate::task::{Outcome, Reply, TaskError, TaskResult};

/// A note that was read.
#[derive(Debug)]
pub(super) enum Record {
    HandedOut(HandOut),
    /// The origin is not known here: the note stands under the orchestrator's name.
    Result(TaskResult),
}

const HANDED_OUT: u8 = b'h';
const RESULT: u8 = b'r';

/// Whether these bytes are those of a result.
pub(super) fn is_result(bytes: &[u8]) -> bool {
    bytes.first() == Some(&RESULT)
}

#[derive(Serialize, Deserialize)]
struct StoredHandOut {
    job: JobId,
    name: TaskName,
    started: bool,
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredResult {
    job: JobId,
    name: TaskName,
    ran_for: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_metadata: Option<RawJson>,
    end: End,
}

#[derive(Serialize, Deserialize)]
enum End {
    Completed {
        status: String,
        data: RawJson,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<RawJson>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        costs: Option<RawJson>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_metadata: Option<RawJson>,
    },
    Failed {
        code: String,
        message: String,
        details: Option<RawJson>,
    },
    Cancelled,
}

pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn write(kind: u8, value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = vec![kind];
    serde_json::to_writer(&mut bytes, value)?;
    Ok(bytes)
}

pub(super) fn of_hand_out(task: &HandOut) -> serde_json::Result<Vec<u8>> {
    let stored = StoredHandOut {
        job: task.job_id.clone(),
        name: task.name.clone(),
        started: task.started,
        at: seconds(task.at),
    };
    write(HANDED_OUT, &stored)
}

pub(super) fn of_result(result: &TaskResult) -> serde_json::Result<Vec<u8>> {
    let end = match &result.outcome {
        Outcome::Completed(reply) => End::Completed {
            status: reply.status().to_owned(),
            data: reply.data().clone(),
            metadata: reply.metadata().cloned(),
            costs: reply.costs().cloned(),
            data_metadata: reply.data_metadata().cloned(),
        },
        Outcome::Failed(error) => End::Failed {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            details: error.details().cloned(),
        },
        Outcome::Cancelled => End::Cancelled,
    };
    let stored = StoredResult {
        job: result.job_id.clone(),
        name: result.name.clone(),
        ran_for: result.ran_for,
        task_metadata: result.task_metadata.clone(),
        end,
    };
    write(RESULT, &stored)
}

/// Reads a note. The store has checked its sum, so an error means that another
/// version of this program wrote it.
pub(super) fn read(task_id: &str, bytes: &[u8]) -> Result<Record, String> {
    match bytes.split_first() {
        Some((&HANDED_OUT, json)) => hand_out(json).map(Record::HandedOut),
        Some((&RESULT, json)) => result(task_id, json).map(Record::Result),
        _ => Err("an unknown kind of note".to_owned()),
    }
}

fn hand_out(json: &[u8]) -> Result<HandOut, String> {
    let stored: StoredHandOut = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    Ok(HandOut {
        job_id: stored.job,
        name: stored.name,
        started: stored.started,
        at: UNIX_EPOCH
            .checked_add(Duration::from_secs(stored.at))
            .ok_or("a time out of range")?,
    })
}

fn result(task_id: &str, json: &[u8]) -> Result<TaskResult, String> {
    let stored: StoredResult = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let outcome = match stored.end {
        End::Completed {
            status,
            data,
            metadata,
            costs,
            data_metadata,
        } => {
            let unfit = |e: TaskError| e.to_string();
            let mut reply = Reply::status_with(status, &data).map_err(unfit)?;
            if let Some(metadata) = metadata {
                reply = reply.with_metadata(&metadata).map_err(unfit)?;
            }
            if let Some(costs) = costs {
                reply = reply.with_costs(&costs).map_err(unfit)?;
            }
            Outcome::Completed(match data_metadata {
                Some(metadata) => reply.with_files(data, metadata),
                None => reply,
            })
        }
        End::Failed {
            code,
            message,
            details,
        } => {
            let error = TaskError::new(code.as_str(), message);
            Outcome::Failed(match details {
                Some(details) => error.with_details(&details),
                None => error,
            })
        }
        End::Cancelled => Outcome::Cancelled,
    };
    Ok(TaskResult {
        origin: OrchestratorId(usize::MAX),
        task_id: TaskId::from(task_id),
        job_id: stored.job,
        name: stored.name,
        outcome,
        ran_for: stored.ran_for,
        task_metadata: stored.task_metadata,
    })
}
