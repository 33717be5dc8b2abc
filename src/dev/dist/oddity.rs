//! Messages that no controller should send.

use bytes::Bytes;

use crate::transport::distworker::wire;
use crate::transport::distworker::wire::messages::{Envelope, Heartbeat, Payload, TaskAssign};
use crate::transport::distworker::wire::structs::{Kind, Struct, Value};

/// Something that a worker has to live through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// Bytes that are no message.
    Junk,
    /// A message of a type that does not exist.
    UnknownType,
    /// A text frame.
    Text,
    /// An assignment by its type, a heartbeat by its payload.
    WrongPayload,
    /// An assignment of a task without an id.
    TaskWithoutId,
    /// An assignment that is nested too deep to be read. Its id is `too-deep`.
    TooDeep,
    /// A message larger than any worker takes: 65 MiB.
    Oversized,
}

impl Oddity {
    /// The bytes of a binary message, or of a text.
    pub(super) fn bytes(self) -> Bytes {
        match self {
            Self::Junk => Bytes::from_static(&[0xff; 5]),
            Self::UnknownType => Bytes::from_static(&[0x08, 77]),
            Self::Text => Bytes::from_static(b"{\"type\":10}"),
            Self::WrongPayload => {
                let payload = Some(Payload::Heartbeat(Heartbeat::default()));
                prost::Message::encode_to_vec(&Envelope { kind: 10, payload }).into()
            }
            Self::TaskWithoutId => assignment("", Struct::default()),
            Self::TooDeep => assignment("too-deep", nested(60)),
            Self::Oversized => vec![0; 65 << 20].into(),
        }
    }
}

fn assignment(task_id: &str, input: Struct) -> Bytes {
    wire::write(Payload::TaskAssign(TaskAssign {
        task_id: task_id.to_owned(),
        queue: "odd".to_owned(),
        input: Some(input),
        ..TaskAssign::default()
    }))
}

fn nested(depth: usize) -> Struct {
    let wrap = |inner, _| {
        let kind = Some(Kind::Object(inner));
        Struct {
            fields: [("d".to_owned(), Value { kind })].into(),
        }
    };
    (0..depth).fold(Struct::default(), wrap)
}
