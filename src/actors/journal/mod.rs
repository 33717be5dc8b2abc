//! Records for the journal: who sends them, and the actor that writes them.

mod handle;
#[cfg(feature = "journal")]
mod keeper;

use std::sync::Arc;
use std::time::SystemTime;

use actix::prelude::*;

pub(crate) use handle::JournalHandle;
#[cfg(feature = "journal")]
pub(crate) use keeper::JournalKeeper;

use super::supervisor::TaskKey;
use crate::id::{JobId, TaskName};
use crate::task::TaskResult;

/// Write this into the journal.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Record(
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "nobody reads it"))]
    pub(crate)  JournalEntry,
);

/// Something that has to outlive the process.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "journal"),
    allow(dead_code, reason = "nobody reads them")
)]
pub(crate) enum JournalEntry {
    Received(Received),
    /// A task has ended.
    Finished(Arc<TaskResult>),
    /// The result of this task was answered for good.
    Delivered(TaskKey),
    /// The worker was told to end.
    Ending,
    /// Until when orchestrators may hold polls of this worker.
    Polls(SystemTime),
}

/// A task was handed out to us. If its handler is about to begin, the answer is a
/// [`JournalAck`](super::supervisor::JournalAck).
#[derive(Debug)]
#[cfg_attr(
    not(feature = "journal"),
    allow(dead_code, reason = "nobody reads them")
)]
pub(crate) struct Received {
    pub(crate) key: TaskKey,
    pub(crate) job_id: JobId,
    pub(crate) name: TaskName,
    pub(crate) begins: bool,
}

/// Write what there is and let go of the files. The answer is how many results
/// are kept for the next process.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct CloseJournal;
