//! Files that belong to a task: a folder of its own, made when first asked for
//! and removed when the task's result is out.

mod task_files;

pub(crate) use task_files::FilesRoot;
pub use task_files::TaskFiles;
