//! What has to outlive the process: results that no orchestrator has answered for
//! good, and which tasks were handed out.
//!
//! Every task leaves three tiny notes: handed out, result ready, delivered. They
//! survive the end of the process, however it comes about. They need not survive
//! the end of the machine: nothing is forced out of the system's page cache, which
//! is what makes a note cost microseconds. `docs/journal.md` has the measurements.

mod error;
#[cfg(feature = "journal")]
mod kills;
#[cfg(feature = "journal")]
mod notes;
#[cfg(feature = "journal")]
mod place;
#[cfg(feature = "journal")]
mod record;
#[cfg(feature = "journal")]
mod store;
#[cfg(all(test, feature = "journal"))]
mod tests;

pub use error::JournalError;
#[cfg(feature = "journal")]
pub(crate) use notes::{Change, HandOut, Journal, Recovered, Slot};
#[cfg(feature = "journal")]
pub use place::check_journal;
