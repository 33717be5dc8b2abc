//! What tests of handlers and workers stand on.
//!
//! | to test | use |
//! |---|---|
//! | a handler, or a worker on a paused clock, without sockets | [`MemoryOrchestrator`] with [`Worker::spawn_local`](crate::Worker::spawn_local) |
//! | a worker and whole jobs over real sockets | `DevOrchestrator` (feature `dev-orchestrator`) |
//!
//! ```
//! use axon_worker::testing::MemoryOrchestrator;
//! use axon_worker::{TaskError, Worker, config::Settings};
//! use std::time::Duration;
//!
//! async fn nap(seconds: u64) -> Result<(), TaskError> {
//!     tokio::time::sleep(Duration::from_secs(seconds)).await;
//!     Ok(())
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
//! assert_eq!(orchestrator.result_of(&task).await.outcome.status(), "success");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "dev-orchestrator")]
pub use crate::dev::{DevOrchestrator, JobSpec, JobState};
pub use crate::transport::memory::{Call, MemoryOrchestrator};
