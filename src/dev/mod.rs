//! A development orchestrator: RXON's server side in memory, for examples and tests.
//!
//! **It is not for production.** It keeps everything in memory, listens on the
//! loopback address only and speaks plain HTTP, so nobody has a certificate. It speaks
//! one of two versions of RXON, see [`Dialect`]: 1.0b2 as the orchestrator avtomatika
//! 1.0b12 does, or 1.0b17 as avtomatika 1.0b30.
//!
//! In both, these differences are on purpose:
//!
//! - A job without a free worker waits in a queue, first in first out.
//!   ([`Quirks::no_queue`] gives up on it, as the real one.)
//! - The task of a poll whose client is gone is queued again.
//!   ([`Quirks::aborted_polls_lose_tasks`] loses it.)
//! - There are no rate limits. ([`Quirks::rate_limits`] sets them.)
//! - A WebSocket with a wrong token is refused before the upgrade.
//! - Tasks have no time limit.
//!
//! In 1.0b2, nothing is checked but tokens, and results are matched by task id: one that
//! nobody waits for is answered as any other, but changes nothing and is counted
//! ([`View::stale_results`]).
//!
//! # RXON 1.0b17
//!
//! ```
//! use axon_worker::dev::{DevOrchestrator, Dialect};
//!
//! # #[actix_rt::main]
//! # async fn main() -> Result<(), axon_worker::dev::DevError> {
//! let orchestrator = DevOrchestrator::builder()
//!     .dialect(Dialect::V1_0b17)
//!     .token("worker-token") // messages are signed with it
//!     .task_secret("orchestrator-secret") // tasks are signed with it
//!     .start()
//!     .await?;
//! # orchestrator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Registrations, heartbeats, results and events are checked in the order of the real one:
//! time stamp, replay, signer, signature. A worker's own token ([`worker_token`]) signs for it,
//! never an access token. What is refused is answered as there, and
//! [`DevOrchestrator::requests`] has the message as it came, signature included;
//! [`DevOrchestrator::events`] has the events, refused ones with the reason.
//!
//! Successful data are checked against the `output_schema` of the skill, payloads of events
//! against its `events_schema`. Tasks go to idle workers by `supported_skills`, those in
//! `hot_skills` first, then by `capabilities.cost_per_skill` and reputation.
//!
//! [`Quirks`] has the switches: tasks that a worker should refuse
//! ([`tampering`](Quirks::tampering)), another clock ([`clock_offset`](Quirks::clock_offset)),
//! compression, 401 for 403, delayed heartbeats, tasks of skills never offered. What a task
//! carries besides is up to its [`JobSpec`]: priority, deadline, metadata, allowed skills,
//! version of the skill, transitions by event.
//!
//! Besides the differences above:
//!
//! - `cancel_task_ids` of a heartbeat's answer has task ids as well.
//!   ([`Quirks::cancels_by_job_id_only`] looks at job ids only, as the real one: task ids
//!   never come back there.)
//! - The result of a cancelled job is ignored as `job_cancelled`. The real one revives the job.
//! - Parameters are not checked before a task goes out, so that the check of the worker can be
//!   seen. ([`Quirks::checks_params`] does as the real one.)
//! - A task goes out in its turn, whatever its priority.
//!
//! [`worker_token`]: DevOrchestratorBuilder::worker_token
//!
//! # Jobs
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
//!
//! Clients in other processes submit over HTTP, as to the real orchestrators:
//! `POST /api/v1/jobs/{task}` with `{"initial_data": {..}}` gives a `job_id`,
//! `GET /api/v1/jobs/{id}` the job as it stands, `POST /api/v1/jobs/{id}/cancel` calls it
//! off. `POST /api/v1/jobs` takes a [`JobSpec`] as JSON.

mod access;
mod builder;
mod contracts;
mod dialect;
#[cfg(feature = "distworker")]
mod dist;
mod faults;
mod handle;
mod job;
mod job_handle;
mod news;
mod peaks;
mod polls;
mod queue;
mod quirks;
mod recorder;
mod registry;
mod server;
mod state;
mod trust;
mod wire;

pub use builder::{DevError, DevOrchestratorBuilder};
pub use dialect::Dialect;
#[cfg(feature = "distworker")]
pub use dist::{
    DistController, DistControllerBuilder, DistEvent, DistOutcome, DistProgress, DistTask,
    DistTaskView, Oddity,
};
pub use faults::Fault;
pub use handle::{DevOrchestrator, Keep};
pub use job::{AttemptReport, JobReport, JobSpec, JobState, SpecError};
pub use job_handle::{JobHandle, LoadHandle};
pub use news::{DevNews, NewsFeed};
pub use peaks::Running;
pub use quirks::{Compression, Quirks, RateLimits, Tampering};
pub use recorder::{Endpoint, RecordedEvent, RecordedRequest};
pub use state::{CancelOutcome, JobCounts, LoadReport, View, WorkerRecord};
