//! Files that belong to a task: a folder of its own, made when first asked for
//! and removed when the task's result is out.

#[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "its error alone"))]
pub(crate) mod journal;
mod task_files;

pub use journal::JournalError;
pub(crate) use task_files::FilesRoot;
pub use task_files::TaskFiles;
