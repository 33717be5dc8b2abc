//! A framework of actix actors for programs that pull tasks from an
//! orchestrator, run them and report back.

mod actors;
pub mod config;
#[cfg(feature = "dev-orchestrator")]
pub mod dev;
mod handler;
mod id;
mod json;
mod orchestrators;
mod storage;
mod task;
pub mod transport;
mod worker;

pub use id::{InvalidIdentifier, JobId, TaskId, TaskName, WorkerId, check_identifier};
pub use json::RawJson;
pub use orchestrators::OrchestratorId;
pub use task::{
    CancelReason, Cancellation, ErrorCode, IntoOutcome, Outcome, Reply, Task, TaskContext,
    TaskError, TaskResult,
};
