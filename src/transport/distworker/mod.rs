//! `DistWorker`, a task system whose controller assigns tasks over a WebSocket.
//!
//! Messages are protobuf, one per WebSocket message. The first one of a connection is a
//! signed registration; a controller that does not like it hangs up. Each connection
//! carries one task at a time, so more tasks at once take more connections
//! (`DISTWORKER_CONNECTIONS`). There is no acknowledgement of results, no cancelling and
//! no negotiation of queues: which handler gets a task is decided here, see
//! [`WorkerBuilder::queue`](crate::WorkerBuilder::queue).
//!
//! What is known of the protocol was seen with controller v0.0.6 and distworker-sdk 0.0.6.
//! `docs/transports.md` says how it maps to the worker's vocabulary.

mod books;
mod confirm;
mod examine;
mod files;
mod lane;
mod link;
mod machine;
mod outcome;
mod pace;
mod refusal;
mod setup;
mod state;
mod url;
pub(crate) mod wire;

pub use examine::Trial;
pub(crate) use files::ControllerFiles;
pub use link::DistWorker;
pub use setup::DistWorkerSetup;

pub use super::http::{SetupError, TlsFiles};

#[cfg(fuzzing)]
pub(crate) fn read_task(
    origin: crate::OrchestratorId,
    message: &bytes::Bytes,
) -> Option<crate::Task> {
    match wire::read(message).ok()? {
        wire::Incoming::Assigned(task) => Some(outcome::task(origin, *task)),
        _ => None,
    }
}
