//! A framework of actix actors for programs that pull tasks from an orchestrator,
//! run them and report back.
//!
//! A worker registers with one or more orchestrators, says what it can do, takes no
//! more tasks than it has room for, runs a handler for each, and keeps every result
//! until the orchestrator has answered. All that is left to write is the handlers:
//!
//! ```no_run
//! use axon_worker::{TaskError, Worker};
//! use serde::Deserialize;
//! use serde_json::{Value, json};
//!
//! #[derive(Deserialize)]
//! struct Add {
//!     a: i64,
//!     b: i64,
//! }
//!
//! async fn add(params: Add) -> Result<Value, TaskError> {
//!     let sum = params.a.checked_add(params.b);
//!     let sum = sum.ok_or_else(|| TaskError::invalid_input("the sum is too large"))?;
//!     Ok(json!({ "sum": sum }))
//! }
//!
//! #[actix_rt::main]
//! async fn main() -> axon_worker::Result<()> {
//!     // Orchestrator, token, limits and all else come from the environment.
//!     Worker::builder("calculator").task("add", add).run().await
//! }
//! ```
//!
//! # Handlers
//!
//! All shapes are registered the same way, with [`WorkerBuilder::task`]:
//!
//! | What you write | Registered as | Runs on |
//! |---|---|---|
//! | async function | `.task("add", add)` | a handler thread, with others |
//! | blocking function | `.task("resize", blocking(resize))` | a thread of its own while it runs |
//! | type that implements [`TaskHandler`] | `.task("ask", actor(Model::load))` | an actor with a thread of its own, one task at a time |
//! | actix actor of your own that handles [`RunTask<P>`](RunTask) | `.task("take", address)` | wherever you started it |
//!
//! See [`blocking()`](blocking()), [`actor()`](actor()), [`RunTask`] and the guide
//! `docs/handlers.md`. None of them shares a thread with polls, heartbeats and results, so a
//! handler that blocks or computes for minutes holds up other handlers at worst.
//!
//! The first argument is the parameters, see [`FromParams`]. Functions have up to five
//! more, see [`FromTask`]: [`TaskContext`] for ids, progress and cancelling, [`TaskFiles`]
//! for the task's own folder, [`Data`] for what the handlers of a worker share, and others.
//!
//! What a handler returns becomes an [`Outcome`]: a value is a success, a [`Reply`] has
//! a status of its own, a [`TaskError`] has a code that tells the orchestrator whether
//! to try again. `?` works on every ordinary error and means "may pass"; so does a panic.
//!
//! # Files
//!
//! Where parameters name objects of a storage (`s3://bucket/key`), handlers see local
//! files; local files that a handler returns are objects again when the result goes out.
//! Take them as [`TaskFile`], which is no other file of the machine. See [`TaskFiles`] and
//! [`storage`].
//! With the feature `contracts`, `contract(add)` tells orchestrators what a handler takes
//! and gives, and holds it against that; see `docs/contracts.md`.
//!
//! # Running
//!
//! - [`Worker::run`] is for programs that are a worker and nothing else: it handles
//!   signals and returns when everything has ended. `run_with_health_check` also serves
//!   `/health` and `/ready` (feature `health`).
//! - [`Worker::spawn`] is for programs that are something else besides: the worker runs
//!   on threads of its own, and a [`WorkerHandle`] shows its [status](WorkerStatus),
//!   pauses it, changes limits, calls tasks off and ends it.
//! - [`Worker::spawn_local`] is for tests that pause the clock.
//!
//! Settings come from the environment and a file; see [`config`] for the whole list, and
//! [`WorkerBuilder::configure`] for setting them in the program.
//!
//! # Orchestrators
//!
//! [`transport::rxon`] speaks to Avtomatika and is used unless
//! [`WorkerBuilder::transport`] says otherwise. `transport::distworker` (feature
//! `distworker`) speaks to `DistWorker`, whose tasks go to handlers given to
//! [`WorkerBuilder::queue`]. [`transport`] is the seam for protocols
//! of your own. [`transport::memory`] is an orchestrator for tests of handlers, without
//! sockets, and `dev` (feature `dev-orchestrator`) one that speaks RXON over HTTP and
//! runs jobs of several steps.
//!
//! # Where to go on
//!
//! - `examples/` in the repository, beginning with `quickstart`.
//! - `docs/configuration.md`: every variable.
//! - `docs/handlers.md`: functions and actors that do tasks.
//! - `docs/contracts.md`: schemas, events and telemetry.
//! - `docs/architecture.md`: the actors, and the way of a task through them.
//! - `docs/storage.md`: files and object storage.
//! - `docs/transports.md`: writing a transport.
//! - `docs/middleware.md`: code round the calls of handlers.
//! - `docs/observability.md`: logs, traces and metrics.
//! - [`testing`], `docs/testing.md`: tests of handlers, workers and transports.
//! - `docs/embedding.md`: a worker inside another program.
//! - `docs/programs.md`: tasks that other programs do, with no Rust at all.
//! - `docs/models.md`: models that stay in memory, and conditions for taking tasks.

mod actors;
pub mod config;
#[cfg(feature = "dev-orchestrator")]
pub mod dev;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handler;
mod id;
mod json;
#[cfg(feature = "logging")]
pub mod logging;
mod metrics;
pub mod middleware;
pub mod models;
mod net;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "programs")]
pub mod programs;
mod ready_check;
mod retry;
mod rules;
mod selection;
pub mod slot_policy;
mod status;
pub mod storage;
mod task;
pub mod testing;
pub mod trace;
pub mod transport;
mod usage;
#[cfg(feature = "health")]
pub mod web;
mod worker;

pub use error::{Error, Result};
#[cfg(feature = "validation")]
pub use handler::Valid;
pub use handler::{
    CommandCall, Data, FromParams, FromTask, HandlerContext, HandlerFn, IntoCommand, IntoHandler,
    Need, QueueTask, RunTask, TaskCancelled, TaskHandler, actor, blocking, with_cancel,
};
#[cfg(feature = "contracts")]
pub use handler::{Contracted, Described, contract};
pub use id::{
    InvalidIdentifier, JobId, OrchestratorId, TaskId, TaskName, WorkerId, check_identifier,
};
pub use json::RawJson;
pub use ready_check::Readiness;
pub use selection::{Candidate, Selection};
pub use status::{
    CapacityStatus, FailureStatus, OrchestratorStatus, TaskStatus, Totals, Trouble, TypeStatus,
    Vitals, WorkerEvent, WorkerEvents, WorkerStatus,
};
pub use storage::{JournalError, TaskFile, TaskFiles, TaskFolder};
pub use task::{
    Attachment, CancelReason, Cancellation, ErrorCode, HotCache, Interruption, IntoOutcome,
    Outcome, Reply, Task, TaskContext, TaskError, TaskResult,
};
pub use usage::UsageSource;
pub use worker::{DrainReport, Route, TaskSpec, Worker, WorkerBuilder, WorkerHandle};

/// The code in the guides compiles.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/handlers.md")]
    struct Handlers;
    #[doc = include_str!("../docs/transports.md")]
    struct Transports;
    #[doc = include_str!("../docs/middleware.md")]
    struct Middleware;
    #[cfg(feature = "logging")]
    #[doc = include_str!("../docs/observability.md")]
    struct Observability;
    #[doc = include_str!("../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../docs/models.md")]
    struct Models;
    #[doc = include_str!("../docs/storage.md")]
    struct Storage;
    #[cfg(feature = "health")]
    #[doc = include_str!("../docs/embedding.md")]
    struct Embedding;
    #[cfg(feature = "programs")]
    #[doc = include_str!("../docs/programs.md")]
    struct Programs;
    #[cfg(feature = "contracts")]
    #[doc = include_str!("../docs/contracts.md")]
    struct Contracts;
}
