//! A framework of actix actors for programs that pull tasks from an
//! orchestrator, run them and report back.

mod actors;
pub mod config;
#[cfg(feature = "dev-orchestrator")]
pub mod dev;
mod error;
mod handler;
#[cfg(feature = "health")]
mod health;
mod id;
mod json;
mod policy;
mod status;
mod storage;
mod task;
pub mod transport;
mod worker;

pub use error::{Error, Result};
#[cfg(feature = "validation")]
pub use handler::Valid;
pub use handler::{
    CommandCall, Data, FromParams, FromTask, Handler, IntoCommand, IntoJob, TaskHandler, actor,
    blocking,
};
pub use id::{
    InvalidIdentifier, JobId, OrchestratorId, TaskId, TaskName, WorkerId, check_identifier,
};
pub use json::RawJson;
pub use policy::{Candidate, Selection};
pub use status::{TaskStatus, WorkerStatus};
pub use storage::TaskFiles;
pub use task::{
    CancelReason, Cancellation, ErrorCode, HotCache, IntoOutcome, Outcome, Reply, Task,
    TaskContext, TaskError, TaskResult,
};
pub use worker::{DrainReport, TaskSpec, Worker, WorkerBuilder, WorkerHandle};
