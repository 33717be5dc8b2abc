//! Files that belong to a task: a folder of its own, made when first asked for
//! and removed when the task's result is out. And objects in a storage, which
//! [`Transfers`] copies from and to such files.

#[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "its error alone"))]
pub(crate) mod journal;
mod object;
mod offload;
pub(crate) mod owned_dir;
mod path_error;
mod resource;
mod task_files;

pub use journal::JournalError;
#[cfg(feature = "journal")]
pub use journal::check_journal;
#[cfg(feature = "s3")]
pub use object::S3Store;
pub use object::{
    Direction, Expected, FolderInfo, FolderPlan, ListedObject, LocalStore, Multipart, ObjectInfo,
    ObjectStore, ObjectUri, Page, Part, Sink, Source, StorageError, StoreFuture, TransferCounts,
    TransferEvent, TransferEvents, TransferId, TransferLimits, Transfers, s3_config_hash,
    safe_name,
};
#[cfg(fuzzing)]
pub(crate) use offload::plan_of;
pub(crate) use offload::{bring_in, carry_out};
pub use resource::ResourceFault;
pub(crate) use task_files::{Failures, FilesRoot, Owner};
pub use task_files::{StoredFile, TaskFile, TaskFiles, TaskFolder};
