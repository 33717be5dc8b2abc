//! A development orchestrator: RXON's server side in memory, for examples and tests.
//!
//! **It is not for production.** It keeps everything in memory, listens on the
//! loopback address only, speaks plain HTTP and checks nothing but tokens. It
//! speaks RXON 1.0b2 as the orchestrator avtomatika 1.0b12 does, with these
//! differences on purpose:
//!
//! - A job without a free worker waits in a queue, first in first out.
//!   ([`Quirks::no_queue`] gives up on it, as the real one.)
//! - The task of a poll whose client is gone is queued again.
//!   ([`Quirks::aborted_polls_lose_tasks`] loses it.)
//! - There are no rate limits. ([`Quirks::rate_limits`] sets them.)
//! - Results are matched by task id: one that nobody waits for is answered as
//!   any other, but changes nothing and is counted ([`View::stale_results`]).
//! - A WebSocket with a wrong token is refused before the upgrade.
//! - Tasks have no time limit.
//!
//! ```
//! use axon_worker::dev::{DevOrchestrator, JobSpec, JobState};
//! use serde_json::json;
//!
//! # #[actix_rt::main]
//! # async fn main() -> Result<(), axon_worker::dev::DevError> {
//! let orchestrator = DevOrchestrator::start().await?;
//! println!("workers may come to {}", orchestrator.url());
//!
//! let job = orchestrator.submit(JobSpec::task("echo", json!({"a": 1}))).await?;
//! assert_eq!(job.report().state, JobState::Waiting);
//!
//! job.cancel().await;
//! assert_eq!(job.finished().await.state, JobState::Cancelled);
//! # orchestrator.stop().await;
//! # Ok(())
//! # }
//! ```

mod builder;
#[cfg(feature = "distworker")]
mod dist;
mod faults;
mod handle;
mod job;
mod job_handle;
mod peaks;
mod polls;
mod queue;
mod quirks;
mod recorder;
mod registry;
mod server;
mod state;
mod wire;

pub use builder::{DevError, DevOrchestratorBuilder};
#[cfg(feature = "distworker")]
pub use dist::{
    DistController, DistControllerBuilder, DistEvent, DistOutcome, DistProgress, DistTask,
    DistTaskView, Oddity,
};
pub use faults::Fault;
pub use handle::{DevOrchestrator, Keep};
pub use job::{AttemptReport, JobReport, JobSpec, JobState, SpecError};
pub use job_handle::{JobHandle, LoadHandle};
pub use peaks::Running;
pub use quirks::{Quirks, RateLimits};
pub use recorder::{Endpoint, RecordedRequest};
pub use state::{CancelOutcome, JobCounts, LoadReport, View, WorkerRecord};
