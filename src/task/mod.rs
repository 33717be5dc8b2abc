//! A task and what becomes of it: the vocabulary that every part of the crate
//! shares and that each transport translates to and from its wire.

mod attachment;
mod cancel;
mod context;
mod error;
mod interruption;
mod key;
mod outcome;
mod tell;
mod teller;
mod witness;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

pub use attachment::Attachment;
pub use cancel::{CancelReason, Cancellation};
pub(crate) use context::Services;
pub use context::{HotCache, TaskContext};
pub(crate) use error::UNSUPPORTED;
pub use error::{ErrorCode, TaskError};
pub use interruption::Interruption;
pub(crate) use key::TaskKey;
pub use outcome::{IntoOutcome, Outcome, Reply, TaskResult};
pub(crate) use teller::{COUNTED_PROGRESS_INTERVAL, Next, PROGRESS_INTERVAL, Teller, Waiting};
pub use witness::Told;
pub(crate) use witness::Witness;

use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::json::RawJson;

/// One task as an orchestrator handed it out.
#[derive(Debug, Clone)]
pub struct Task {
    /// The orchestrator it came from, and its result goes back to.
    pub origin: OrchestratorId,
    /// This hand-out; a retry by the orchestrator has a new one.
    pub id: TaskId,
    /// The job it belongs to.
    pub job_id: JobId,
    /// Which handler is asked for.
    pub name: TaskName,
    /// The parameters, not parsed yet.
    pub params: RawJson,
    /// Higher is more urgent; 0 where the protocol has none.
    pub priority: f64,
    /// When the orchestrator stops waiting for the result.
    pub deadline: Option<SystemTime>,
    /// The longest the handler may run, where the protocol says so.
    pub timeout: Option<Duration>,
    /// Trace headers of whoever made the job, for example `traceparent`.
    pub tracing_context: BTreeMap<String, String>,
    /// What the orchestrator knows of the files named in the parameters.
    pub params_metadata: Option<RawJson>,
    /// Free extra data of protocols that have it.
    pub metadata: Option<RawJson>,
    /// Which attempt at the work this is, from 1; 1 where the protocol does not tell.
    pub attempt: u32,
    /// How many attempts there are at most, where the protocol tells.
    pub max_attempts: Option<u32>,
    /// Files that belong to it, in protocols that name them apart from the parameters.
    pub attachments: Vec<Attachment>,
}

impl Task {
    /// A task with nothing but its names and parameters, for transports and tests
    /// to build upon.
    #[must_use]
    pub fn new(
        origin: OrchestratorId,
        id: impl Into<TaskId>,
        job_id: impl Into<JobId>,
        name: impl Into<TaskName>,
        params: RawJson,
    ) -> Self {
        Self {
            origin,
            id: id.into(),
            job_id: job_id.into(),
            name: name.into(),
            params,
            priority: 0.0,
            deadline: None,
            timeout: None,
            tracing_context: BTreeMap::new(),
            params_metadata: None,
            metadata: None,
            attempt: 1,
            max_attempts: None,
            attachments: Vec::new(),
        }
    }
}
