//! What the worker is doing right now, to be read from any thread without asking
//! an actor: for the handle, the web pages and whoever embeds the worker.

mod board;
mod events;
mod history;
mod links;
mod seconds;
mod state;
mod tasks;
mod totals;
mod vitals;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use board::StatusBoard;
pub use events::{WorkerEvent, WorkerEvents};
#[cfg(feature = "health")]
pub(crate) use history::Moment;
pub(crate) use links::{Exchange, LinkBoard};
pub use links::{OrchestratorStatus, Trouble};
pub use state::{CapacityStatus, FailureStatus, TaskStatus, TypeStatus, WorkerStatus};
pub(crate) use totals::Tally;
pub use totals::Totals;
pub(crate) use vitals::Ping;
pub use vitals::Vitals;
pub(crate) use vitals::measure;

/// What is behind these locks is written whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
