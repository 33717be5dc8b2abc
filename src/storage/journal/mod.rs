//! What has to outlive the process: results that no orchestrator has answered for
//! good, and which tasks were handed out.
//!
//! An append-only log. Every task leaves up to three small records: handed out, result
//! ready, delivered. They survive the end of the process, however it comes about, as
//! soon as they are written; whether they survive the end of the machine is a setting.
//! An index in memory knows where the last record of each task is, and the oldest file
//! is rewritten when most of it is history. `docs/journal.md` has the measurements.

#[cfg(feature = "journal")]
mod deaths;
mod error;
#[cfg(feature = "journal")]
mod folder;
#[cfg(feature = "journal")]
mod format;
#[cfg(feature = "journal")]
mod index;
#[cfg(feature = "journal")]
mod log;
#[cfg(feature = "journal")]
mod record;
#[cfg(all(test, feature = "journal"))]
mod tests;

pub use error::JournalError;
#[cfg(feature = "journal")]
pub use folder::check_journal;
#[cfg(feature = "journal")]
pub(crate) use index::{Change, HandedOut, Journal, Recovered, Slot};
#[cfg(feature = "journal")]
pub(crate) use log::sync;

/// Reads a segment, for fuzzing. Returns how many records of tasks it has.
#[cfg(all(fuzzing, feature = "journal"))]
pub(crate) fn records_of(segment: &[u8]) -> usize {
    let scan = format::scan(segment);
    let contents = scan
        .frames
        .into_iter()
        .filter_map(|frame| format::content_of(&segment[frame]));
    contents
        .filter(|content| record::read(content).is_some() && record::read_live(content).is_ok())
        .count()
}
