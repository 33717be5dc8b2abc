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
    /// A file was written by another version of this crate. Nothing was changed.
    #[error(
        "{} was written by another version of the worker ({format}): start that version once \
         more, so that its results are delivered, or remove the file, which loses them",
        .path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// What is known of its format.
        format: String,
    },
    /// It could not be read or written: the disk is full, for example.
    #[error("the journal in {} failed: {error}", .path.display())]
    Failed {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is not compiled in.
    #[error("AXON_JOURNAL is on, but this program was built without the feature \"journal\"")]
    NotCompiled,
}
