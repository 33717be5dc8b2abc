//! What tests of handlers, workers and transports stand on.
//!
//! | to test | use |
//! |---|---|
//! | one handler | [`call()`] |
//! | a worker on a paused clock, without sockets | [`MemoryOrchestrator`] with [`Worker::spawn_local`](crate::Worker::spawn_local) |
//! | a worker and whole jobs over real sockets | `DevOrchestrator` (feature `dev-orchestrator`) |
//! | a transport of your own | [`transport_suite`] |
//!
//! A handler, as a worker calls it, but without a worker that one would have to build:
//!
//! ```
//! use axon_worker::testing::{self, Expect};
//! use axon_worker::{ErrorCode, TaskContext, TaskError};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Greet {
//!     name: String,
//! }
//!
//! async fn greet(params: Greet, task: TaskContext) -> Result<String, TaskError> {
//!     task.progress(0.5, "thinking").await;
//!     Ok(format!("Hello, {}!", params.name))
//! }
//!
//! # #[actix_rt::main]
//! # async fn main() {
//! let end = testing::call(greet).params(&json!({"name": "Ada"})).await;
//! assert_eq!(end.data::<String>(), "Hello, Ada!");
//! assert_eq!(end.progress(), [(0.5, "thinking")]);
//!
//! let end = testing::call(greet).params(&json!({"name": 7})).await;
//! assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
//! # }
//! ```
//!
//! A whole worker, with an orchestrator in memory:
//!
//! ```
//! use axon_worker::testing::{Expect, MemoryOrchestrator};
//! use axon_worker::{TaskError, Worker, config::Settings};
//! use std::time::Duration;
//!
//! async fn nap(seconds: u64) -> Result<u64, TaskError> {
//!     tokio::time::sleep(Duration::from_secs(seconds)).await;
//!     Ok(seconds)
//! }
//!
//! # #[actix_rt::main]
//! # async fn main() -> axon_worker::Result<()> {
//! tokio::time::pause(); // an hour passes in no time
//! let orchestrator = MemoryOrchestrator::new();
//! let worker = Worker::builder("test")
//!     .settings(Settings::default())
//!     .transport("memory", orchestrator.connect())
//!     .task("nap", nap)
//!     .build()?;
//! worker.spawn_local().await?;
//! let task = orchestrator.submit("nap", &3600);
//! assert_eq!(orchestrator.result_of(&task).await.data::<u64>(), 3600);
//! # Ok(())
//! # }
//! ```
//!
//! `docs/testing.md` is a guide.

mod call;
mod end;
mod expect;
mod order;
mod stand;
pub mod transport_suite;

pub use call::{HandlerCall, Setup, call};
pub use end::HandlerEnd;
pub use expect::Expect;
pub use stand::Stand;

#[cfg(feature = "dev-orchestrator")]
pub use crate::dev::{DevOrchestrator, JobSpec, JobState};
pub use crate::task::Told;
pub use crate::transport::memory::{Call, Made, MemoryOrchestrator};
