//! The messages, field by field (package `kr.jclab.distworker.protocol`, proto3; the
//! same in all releases of distworker-sdk, 0.0.1rc5 to 0.0.6).

use bytes::Bytes;

use super::structs::Struct;
use crate::task::Attachment;

/// One WebSocket message. Which payload it has is said twice: by `kind` and by the
/// number of the payload's field; both are equal in every message that makes sense.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(enumeration = "MessageType", tag = "1")]
    pub(crate) kind: i32,
    #[prost(oneof = "Payload", tags = "2, 3, 9, 10, 11, 12, 13")]
    pub(crate) payload: Option<Payload>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum MessageType {
    Unspecified = 0,
    WorkerRegister = 2,
    WorkerRegisterResponse = 3,
    Heartbeat = 9,
    TaskAssign = 10,
    TaskProgress = 11,
    TaskComplete = 12,
    TaskFailed = 13,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Payload {
    #[prost(message, tag = "2")]
    WorkerRegister(WorkerRegister),
    #[prost(message, tag = "3")]
    WorkerRegisterResponse(WorkerRegisterResponse),
    #[prost(message, tag = "9")]
    Heartbeat(Heartbeat),
    #[prost(message, tag = "10")]
    TaskAssign(TaskAssign),
    #[prost(message, tag = "11")]
    TaskProgress(TaskProgress),
    #[prost(message, tag = "12")]
    TaskComplete(TaskComplete),
    #[prost(message, tag = "13")]
    TaskFailed(TaskFailed),
}

impl Payload {
    pub(crate) fn kind(&self) -> MessageType {
        match self {
            Self::WorkerRegister(_) => MessageType::WorkerRegister,
            Self::WorkerRegisterResponse(_) => MessageType::WorkerRegisterResponse,
            Self::Heartbeat(_) => MessageType::Heartbeat,
            Self::TaskAssign(_) => MessageType::TaskAssign,
            Self::TaskProgress(_) => MessageType::TaskProgress,
            Self::TaskComplete(_) => MessageType::TaskComplete,
            Self::TaskFailed(_) => MessageType::TaskFailed,
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WorkerRegister {
    /// An encoded [`SignedWorkerRegister`]; the signature is over these very bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) data: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) signature: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignedWorkerRegister {
    #[prost(string, tag = "1")]
    pub(crate) provisioner_name: String,
    /// Empty unless the controller made this worker.
    #[prost(string, tag = "2")]
    pub(crate) worker_id: String,
    /// See [`super::date`].
    #[prost(string, tag = "3")]
    pub(crate) date: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) resource_info: Option<ResourceInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ResourceInfo {
    #[prost(string, tag = "1")]
    pub(crate) hostname: String,
    #[prost(int32, tag = "2")]
    pub(crate) cpu_cores: i32,
    /// MiB.
    #[prost(int64, tag = "3")]
    pub(crate) memory_mb: i64,
    #[prost(message, optional, tag = "4")]
    pub(crate) additional: Option<Struct>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WorkerRegisterResponse {
    /// Seconds; 0 and less mean never.
    #[prost(int32, tag = "10")]
    pub(crate) idle_time: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Heartbeat {
    /// Unix time in milliseconds. The SDK leaves it 0, the controller ignores it.
    #[prost(int64, tag = "1")]
    pub(crate) timestamp: i64,
    #[prost(enumeration = "WorkerHealth", tag = "2")]
    pub(crate) health: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) resource_usage: Option<ResourceUsage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum WorkerHealth {
    Unspecified = 0,
    Up = 1,
    Down = 2,
    Warn = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ResourceUsage {
    /// 0 to 100.
    #[prost(float, tag = "1")]
    pub(crate) cpu_percent: f32,
    /// MiB.
    #[prost(int64, tag = "2")]
    pub(crate) memory_used_mb: i64,
    /// 0 to 100.
    #[prost(float, tag = "3")]
    pub(crate) gpu_utilization: f32,
    #[prost(message, optional, tag = "4")]
    pub(crate) additional: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TaskAssign {
    #[prost(string, tag = "1")]
    pub(crate) task_id: String,
    #[prost(string, tag = "2")]
    pub(crate) queue: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) metadata: Option<Struct>,
    #[prost(message, optional, tag = "4")]
    pub(crate) input: Option<Struct>,
    /// None when 0 or less.
    #[prost(int64, tag = "5")]
    pub(crate) timeout_ms: i64,
    #[prost(message, repeated, tag = "6")]
    pub(crate) files: Vec<FileInfo>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct FileInfo {
    #[prost(string, tag = "1")]
    pub(crate) file_id: String,
    #[prost(string, tag = "2")]
    pub(crate) filename: String,
    #[prost(string, tag = "3")]
    pub(crate) content_type: String,
    #[prost(int64, tag = "4")]
    pub(crate) size: i64,
    #[prost(string, tag = "5")]
    pub(crate) storage_url: String,
}

impl From<FileInfo> for Attachment {
    fn from(file: FileInfo) -> Self {
        Self {
            id: file.file_id,
            name: file.filename,
            content_type: file.content_type,
            size: file.size,
            url: file.storage_url,
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TaskProgress {
    #[prost(string, tag = "1")]
    pub(crate) task_id: String,
    /// Percent, as the SDK's document and all examples have it.
    #[prost(float, tag = "2")]
    pub(crate) progress: f32,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) data: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TaskComplete {
    #[prost(string, tag = "1")]
    pub(crate) task_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) result: Option<Struct>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) result_files: Vec<FileInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TaskFailed {
    #[prost(string, tag = "1")]
    pub(crate) task_id: String,
    #[prost(string, tag = "2")]
    pub(crate) error_code: String,
    #[prost(string, tag = "3")]
    pub(crate) error_message: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) error_details: Option<Struct>,
}

/// An [`Envelope`] as it is read: of a payload that is not for workers, nothing is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct ReadEnvelope {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(oneof = "ReadPayload", tags = "2, 3, 9, 10, 11, 12, 13")]
    pub(super) payload: Option<ReadPayload>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(super) enum ReadPayload {
    #[prost(bytes = "bytes", tag = "2")]
    WorkerRegister(Bytes),
    #[prost(message, tag = "3")]
    WorkerRegisterResponse(WorkerRegisterResponse),
    #[prost(bytes = "bytes", tag = "9")]
    Heartbeat(Bytes),
    #[prost(message, tag = "10")]
    TaskAssign(ReadTask),
    #[prost(bytes = "bytes", tag = "11")]
    TaskProgress(Bytes),
    #[prost(bytes = "bytes", tag = "12")]
    TaskComplete(Bytes),
    #[prost(bytes = "bytes", tag = "13")]
    TaskFailed(Bytes),
}

impl ReadPayload {
    pub(super) fn kind(&self) -> MessageType {
        match self {
            Self::WorkerRegister(_) => MessageType::WorkerRegister,
            Self::WorkerRegisterResponse(_) => MessageType::WorkerRegisterResponse,
            Self::Heartbeat(_) => MessageType::Heartbeat,
            Self::TaskAssign(_) => MessageType::TaskAssign,
            Self::TaskProgress(_) => MessageType::TaskProgress,
            Self::TaskComplete(_) => MessageType::TaskComplete,
            Self::TaskFailed(_) => MessageType::TaskFailed,
        }
    }
}

/// A [`TaskAssign`] as it is read: what may hold any number of values stays as it came.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct ReadTask {
    #[prost(string, tag = "1")]
    pub(super) task_id: String,
    #[prost(string, tag = "2")]
    pub(super) queue: String,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) metadata: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(super) input: Option<Bytes>,
    #[prost(int64, tag = "5")]
    pub(super) timeout_ms: i64,
    #[prost(message, repeated, tag = "6")]
    pub(super) files: Vec<FileInfo>,
}

/// What can be read of an assignment that cannot be read: everything but the ids is
/// skipped unseen.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct EnvelopeOfIds {
    #[prost(message, optional, tag = "10")]
    pub(super) task_assign: Option<Ids>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Ids {
    #[prost(string, tag = "1")]
    pub(super) task_id: String,
}
