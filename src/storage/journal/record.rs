//! Records as bytes: a letter for the kind, texts with their length, and JSON for what
//! a task has come to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::deaths::{Count, Work};
use super::format::{TooLong, kind};
use super::index::HandedOut;
use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::json::RawJson;
use crate::task::{Attachment, Interruption, Outcome, Reply, TaskError, TaskResult};

/// A record that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A record that was read, as far as the index needs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    HandedOut {
        orchestrator: &'a str,
        task: &'a str,
    },
    Result {
        orchestrator: &'a str,
        task: &'a str,
    },
    Gone {
        orchestrator: &'a str,
        task: &'a str,
    },
    Deaths(Work, Count),
    Forgiven(Work),
    /// The process was told to end: its death is nobody's fault.
    Ending,
    /// A new process has taken over everything before this.
    Started,
    /// Orchestrators may hold polls of this worker until then.
    Polls(SystemTime),
}

/// What is known of a live task.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Live {
    HandedOut(HandedOut),
    /// Its origin is not known here: the record has the orchestrator's name.
    Result(TaskResult),
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
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
    },
    Failed {
        code: String,
        message: String,
        details: Option<RawJson>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_delay: Option<Duration>,
    },
    Cancelled,
    Interrupted(Interruption),
}

/// Returns the seconds since 1970; 0 before that.
pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

pub(super) fn put_handed_out(
    out: &mut Vec<u8>,
    orchestrator: &str,
    task: &TaskId,
    handed_out: &HandedOut,
) -> Result<(), EncodeError> {
    out.push(kind::HANDED_OUT);
    put_text(out, orchestrator)?;
    put_text(out, task.as_str())?;
    put_text(out, handed_out.job_id.as_str())?;
    put_text(out, handed_out.name.as_str())?;
    out.push(u8::from(handed_out.begins));
    Ok(())
}

pub(super) fn put_gone(
    out: &mut Vec<u8>,
    orchestrator: &str,
    task: &TaskId,
) -> Result<(), EncodeError> {
    out.push(kind::GONE);
    put_text(out, orchestrator)?;
    put_text(out, task.as_str())?;
    Ok(())
}

/// Writes how often the process died while this ran; `None`: that is forgotten.
pub(super) fn put_deaths(
    out: &mut Vec<u8>,
    work: &Work,
    count: Option<Count>,
) -> Result<(), EncodeError> {
    let of_count = count.map_or(kind::FORGIVEN, |_| kind::DEATHS);
    out.push(of_count);
    put_text(out, work.0.as_str())?;
    put_text(out, work.1.as_str())?;
    if let Some(count) = count {
        out.extend(count.deaths.to_le_bytes());
        out.extend(count.last.to_le_bytes());
    }
    Ok(())
}

/// Writes until when orchestrators may hold polls of this worker.
pub(super) fn put_polls(out: &mut Vec<u8>, until: SystemTime) {
    let since = until.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    out.push(kind::POLLS);
    out.extend(millis.to_le_bytes());
}

pub(super) fn put_result(
    out: &mut Vec<u8>,
    orchestrator: &str,
    result: &TaskResult,
) -> Result<(), EncodeError> {
    out.push(kind::RESULT);
    put_text(out, orchestrator)?;
    put_text(out, result.task_id.as_str())?;

    let end = match &result.outcome {
        Outcome::Completed(reply) => End::Completed {
            status: reply.status().to_owned(),
            data: reply.data().clone(),
            metadata: reply.metadata().cloned(),
            costs: reply.costs().cloned(),
            data_metadata: reply.data_metadata().cloned(),
            attachments: reply.attachments().to_vec(),
        },
        Outcome::Failed(error) => End::Failed {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            details: error.details().cloned(),
            retry_delay: error.retry_delay(),
        },
        Outcome::Cancelled => End::Cancelled,
        Outcome::Interrupted(why) => End::Interrupted(*why),
    };
    let stored = StoredResult {
        job: result.job_id.clone(),
        name: result.name.clone(),
        ran_for: result.ran_for,
        task_metadata: result.task_metadata.clone(),
        end,
    };
    Ok(serde_json::to_writer(out, &stored)?)
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    let length = u32::try_from(text.len()).map_err(|_| TooLong)?;
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

/// Reads a record as far as the index needs it. Its checksum was right, so `None`
/// means that another program wrote it.
pub(super) fn read(content: &[u8]) -> Option<Record<'_>> {
    let (&first, rest) = content.split_first()?;
    let mut rest = Reader(rest);
    Some(match first {
        kind::HANDED_OUT => Record::HandedOut {
            orchestrator: rest.text()?,
            task: rest.text()?,
        },
        kind::RESULT => Record::Result {
            orchestrator: rest.text()?,
            task: rest.text()?,
        },
        kind::GONE => Record::Gone {
            orchestrator: rest.text()?,
            task: rest.text()?,
        },
        kind::DEATHS => {
            let work = (rest.text()?.into(), rest.text()?.into());
            let count = Count {
                deaths: u32::from_le_bytes(rest.bytes()?),
                last: u64::from_le_bytes(rest.bytes()?),
            };
            Record::Deaths(work, count)
        }
        kind::FORGIVEN => Record::Forgiven((rest.text()?.into(), rest.text()?.into())),
        kind::ENDING => Record::Ending,
        kind::STARTED => Record::Started,
        kind::POLLS => {
            let until = Duration::from_millis(u64::from_le_bytes(rest.bytes()?));
            Record::Polls(UNIX_EPOCH.checked_add(until)?)
        }
        _ => return None,
    })
}

/// Reads all of a record of a task.
pub(super) fn read_live(content: &[u8]) -> Result<Live, String> {
    let cut = || "it ends too soon".to_owned();
    let (&first, rest) = content.split_first().ok_or_else(cut)?;
    let mut rest = Reader(rest);
    let _orchestrator = rest.text().ok_or_else(cut)?;
    let task = rest.text().ok_or_else(cut)?;

    match first {
        kind::HANDED_OUT => rest.handed_out().map(Live::HandedOut).ok_or_else(cut),
        kind::RESULT => result(task, rest.0).map(Live::Result),
        _ => Err("an unknown kind of record".to_owned()),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.bytes()?) as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn handed_out(&mut self) -> Option<HandedOut> {
        Some(HandedOut {
            job_id: self.text()?.into(),
            name: self.text()?.into(),
            begins: self.bytes::<1>()? != [0],
        })
    }
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
            attachments,
        } => {
            let unfit = |e: TaskError| e.to_string();
            let mut reply = Reply::status_with(status, &data).map_err(unfit)?;
            if let Some(metadata) = metadata {
                reply = reply.with_metadata(&metadata).map_err(unfit)?;
            }
            if let Some(costs) = costs {
                reply = reply.with_costs(&costs).map_err(unfit)?;
            }
            let with = |reply: Reply, file| reply.with_attachment(file);
            let reply = attachments.into_iter().fold(reply, with);
            Outcome::Completed(match data_metadata {
                Some(metadata) => reply.with_files(data, metadata),
                None => reply,
            })
        }
        End::Failed {
            code,
            message,
            details,
            retry_delay,
        } => {
            let error = TaskError::new(code.as_str(), message);
            let error = match retry_delay {
                Some(delay) => error.retry_after(delay),
                None => error,
            };
            Outcome::Failed(match details {
                Some(details) => error.with_details(&details),
                None => error,
            })
        }
        End::Cancelled => Outcome::Cancelled,
        End::Interrupted(why) => Outcome::Interrupted(why),
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
