//! Notes for the journal.

#[cfg(feature = "journal")]
mod keeper;
mod notebook;

use std::sync::Arc;

use actix::prelude::*;

#[cfg(feature = "journal")]
pub(crate) use keeper::JournalKeeper;
#[cfg(feature = "journal")]
pub(crate) use notebook::NoteList;
pub(crate) use notebook::Notebook;

use super::supervisor::TaskKey;
use crate::id::{JobId, TaskName};
use crate::task::TaskResult;

/// Something that has to outlive the process.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "journal"),
    allow(dead_code, reason = "nobody reads them")
)]
pub(crate) enum Note {
    /// A task is here. When it is about to begin, the answer is
    /// [`Noted`](super::supervisor::Noted).
    HandedOut {
        key: TaskKey,
        job_id: JobId,
        name: TaskName,
        started: bool,
    },
    /// A task has ended.
    Result(Arc<TaskResult>),
    /// This result was answered for good.
    Answered(Arc<TaskResult>),
}

/// Write what there is and let go of the files. The answer is how many results
/// are kept for the next process.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct CloseJournal;
