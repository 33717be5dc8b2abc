//! Why there is no journal.

use std::io;
use std::path::PathBuf;

/// Why a journal cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another worker has it.
    #[error(
        "the journal in {} is in use by another worker: give each worker its own \
         WORKER_ID or AXON_JOURNAL_DIR", .0.display()
    )]
    InUse(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("the journal in {} cannot be used (AXON_JOURNAL_DIR): {error}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The store failed: the disk is full, for example.
    #[error("the journal in {} failed: {reason}", .path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What the store said.
        reason: String,
    },
    /// It is not compiled in.
    #[error("AXON_JOURNAL is on, but this program was built without the feature \"journal\"")]
    NotCompiled,
}
