//! The bytes: envelopes, Structs, dates and signatures. One wire format is spoken by
//! all releases of the SDK (0.0.1rc5 to 0.0.6) and the controllers beside them.

pub(crate) mod date;
pub(crate) mod messages;
pub(crate) mod signing;
pub(crate) mod structs;
mod transcode;

use bytes::Bytes;
use prost::Message;

use messages::{
    Envelope, EnvelopeOfIds, FileInfo, MessageType, Payload, ReadEnvelope, ReadPayload, ReadTask,
    SignedWorkerRegister, WorkerRegister, WorkerRegisterResponse,
};

use crate::json::RawJson;

/// A task with more files is not read: the entry of one takes many times its size.
const MOST_FILES: usize = 10_000;

/// What a controller says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    Registered(WorkerRegisterResponse),
    Assigned(Box<Assignment>),
    /// Nothing that a worker can use, with the reason.
    Nothing(String),
}

/// A task, as it was assigned.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Assignment {
    pub(crate) task_id: String,
    pub(crate) queue: String,
    pub(crate) metadata: Option<RawJson>,
    pub(crate) input: Option<RawJson>,
    /// None when 0 or less.
    pub(crate) timeout_ms: i64,
    pub(crate) files: Vec<FileInfo>,
}

impl Assignment {
    fn of(task: ReadTask) -> Result<Self, String> {
        let object = |part: Option<Bytes>| part.map(|it| transcode::object_of(&it)).transpose();
        Ok(Self {
            task_id: task.task_id,
            queue: task.queue,
            metadata: object(task.metadata)?,
            input: object(task.input)?,
            timeout_ms: task.timeout_ms,
            files: task.files,
        })
    }
}

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Unreadable {
    pub(crate) reason: String,
    /// The task that was to be assigned, so that its failure can be told.
    pub(crate) task_id: Option<String>,
}

/// One message, ready to be sent.
pub(crate) fn write(payload: Payload) -> Bytes {
    let kind = payload.kind() as i32;
    let payload = Some(payload);
    Envelope { kind, payload }.encode_to_vec().into()
}

/// Reads a message of a controller. A message whose two statements of its kind differ
/// is nothing, as is one without a payload.
pub(crate) fn read(bytes: &Bytes) -> Result<Incoming, Unreadable> {
    let unreadable = |reason: String| Unreadable {
        reason: format!("a message cannot be read: {reason}"),
        task_id: id_in(bytes),
    };
    let files = transcode::count(bytes, 10, 6).map_err(unreadable)?;
    if files > MOST_FILES {
        return Err(unreadable(format!(
            "it has {files} files, and at most {MOST_FILES} are taken"
        )));
    }
    let envelope = ReadEnvelope::decode(bytes.clone());
    let envelope = envelope.map_err(|error| unreadable(error.to_string()))?;
    let kind = envelope.kind;
    Ok(match envelope.payload {
        Some(payload) if payload.kind() as i32 != kind => Incoming::Nothing(format!(
            "a message of type {kind} has the payload of type {}",
            payload.kind() as i32
        )),
        Some(ReadPayload::WorkerRegisterResponse(response)) => Incoming::Registered(response),
        Some(ReadPayload::TaskAssign(task)) => match Assignment::of(task).map_err(unreadable)? {
            task if task.task_id.is_empty() => Incoming::Nothing("a task without an id".to_owned()),
            task => Incoming::Assigned(Box::new(task)),
        },
        Some(payload) => Incoming::Nothing(format!(
            "a message of type {:?}, which is not for workers",
            payload.kind()
        )),
        None => Incoming::Nothing(format!(
            "a message of {} without a payload that is known",
            match MessageType::try_from(kind) {
                Ok(kind) => format!("type {kind:?}"),
                Err(_) => format!("unknown type {kind}"),
            }
        )),
    })
}

fn id_in(bytes: &Bytes) -> Option<String> {
    let ids = EnvelopeOfIds::decode(bytes.clone()).ok()?.task_assign?;
    Some(ids.task_id).filter(|id| !id.is_empty())
}

/// The first message of a connection.
pub(crate) fn write_registration(registration: &SignedWorkerRegister, token: &str) -> Bytes {
    let data = Bytes::from(registration.encode_to_vec());
    let purpose = signing::Purpose::Socket;
    let signature = signing::sign(token, &registration.date, purpose, &data);
    write(Payload::WorkerRegister(WorkerRegister {
        data,
        signature: Bytes::copy_from_slice(&signature),
    }))
}

#[cfg(test)]
mod tests;
