//! The bytes: envelopes, Structs, dates and signatures. One wire format is spoken by
//! all releases of the SDK (0.0.1rc5 to 0.0.6) and the controllers beside them.

pub(crate) mod date;
pub(crate) mod messages;
pub(crate) mod signing;
pub(crate) mod structs;

use bytes::Bytes;
use prost::Message;

use messages::{Envelope, EnvelopeOfIds, MessageType, Payload, SignedWorkerRegister, TaskAssign};
use messages::{WorkerRegister, WorkerRegisterResponse};

/// What a controller says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    Registered(WorkerRegisterResponse),
    Assigned(Box<TaskAssign>),
    /// Nothing that a worker can use, with the reason.
    Nothing(String),
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
    let envelope = Envelope::decode(bytes.clone()).map_err(|error| Unreadable {
        reason: format!("a message cannot be read: {error}"),
        task_id: id_in(bytes),
    })?;
    let kind = envelope.kind;
    Ok(match envelope.payload {
        Some(payload) if payload.kind() as i32 != kind => Incoming::Nothing(format!(
            "a message of type {kind} has the payload of type {}",
            payload.kind() as i32
        )),
        Some(Payload::WorkerRegisterResponse(response)) => Incoming::Registered(response),
        Some(Payload::TaskAssign(task)) if task.task_id.is_empty() => {
            Incoming::Nothing("a task without an id".to_owned())
        }
        Some(Payload::TaskAssign(task)) => Incoming::Assigned(Box::new(task)),
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
