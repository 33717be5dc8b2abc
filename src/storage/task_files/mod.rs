//! The files of one task: a folder of its own, names that cannot lead out of it, and
//! the way to the object storage and back.

mod brought;
mod claim;
mod moving;
mod names;
mod now;
mod remove;
mod root;
#[cfg(test)]
mod tests;
mod trouble;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use brought::{TaskFile, TaskFolder};
pub(crate) use claim::Owner;
pub(crate) use moving::Link;
pub use moving::StoredFile;
pub(crate) use names::folded;
pub(crate) use root::FilesRoot;
pub(crate) use trouble::Failures;

use crate::id::{TaskId, check_identifier};
use crate::storage::object::StorageError;
use crate::storage::owned_dir;
use crate::storage::path_error::at;
use names::Names;
use root::Root;

/// The files of one task, in a folder of its own. Cheap to clone, usable from any
/// thread. The folder is made when it is first needed, and removed, with everything in
/// it, when the result has been delivered and nobody holds this any more.
///
/// Names are relative to the folder and may contain subfolders. A name that would lead
/// out of it is refused: absolute ones, `..`, links to elsewhere. So is a second
/// spelling of a name that is in use (`A.txt` beside `a.txt`, or an accent in another
/// form), which some disks take for the same file.
///
/// Folders and files are made for the user of the worker alone. Errors say which file, and
/// keep the kind that the system gave them.
///
/// Every method that touches the disk has a twin whose name ends in `_now`, for
/// [`blocking`](crate::blocking()) handlers.
///
/// A path in the folder that a handler returns, at any depth of its data, is uploaded
/// when there is a storage, and arrives as an `s3://` URI:
///
/// ```
/// use axon_worker::{TaskError, TaskFile, TaskFiles, Worker};
/// use serde_json::{Value, json};
///
/// #[derive(serde::Deserialize)]
/// struct Count {
///     /// `s3://bucket/key` in the job; a local path here.
///     text: TaskFile,
/// }
///
/// async fn count(params: Count, files: TaskFiles) -> Result<Value, TaskError> {
///     let text = tokio::fs::read_to_string(&params.text).await?;
///     let words = text.split_whitespace().count();
///     let report = files.write_json("report.json", &json!({ "words": words })).await?;
///     Ok(json!({ "report": report }))
/// }
/// # let _ = Worker::builder("example").task("count", count);
/// ```
#[derive(Debug, Clone)]
pub struct TaskFiles(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    /// Number and id of the task.
    name: (u64, TaskId),
    root: Arc<Root>,
    made: OnceLock<Made>,
    names: Mutex<Names>,
    link: Option<Link>,
    /// Stays for the process after this one.
    left: AtomicBool,
}

#[derive(Debug)]
struct Made {
    /// As handlers see it.
    path: PathBuf,
    /// The same without links.
    real: PathBuf,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(made) = self.made.take()
            && !self.left.load(Ordering::Relaxed)
        {
            self.root.let_go(made.path);
        }
    }
}

impl TaskFiles {
    fn new(root: Arc<Root>, name: (u64, TaskId), link: Option<Link>) -> Self {
        Self(Arc::new(Folder {
            name,
            root,
            made: OnceLock::new(),
            names: Mutex::default(),
            link,
            left: AtomicBool::new(false),
        }))
    }

    /// Leaves the folder to the next process: the task's result stands in the journal.
    pub(crate) fn leave(&self) {
        self.0.left.store(true, Ordering::Relaxed);
    }

    /// The task's folder, made if it does not exist. Blocks for a moment.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> io::Result<&Path> {
        self.made().map(|made| made.path.as_path())
    }

    /// The task's folder, if it was made.
    pub(crate) fn folder_so_far(&self) -> Option<&Path> {
        self.0.made.get().map(|made| made.path.as_path())
    }

    /// The number makes it unique; the id is for people, and only if it is a plain name.
    fn name(&self) -> String {
        let (number, id) = &self.0.name;
        match check_identifier(id.as_str()) {
            Ok(()) => format!("{number}-{id}"),
            Err(_) => format!("{number}-task"),
        }
    }

    fn made(&self) -> io::Result<&Made> {
        if let Some(made) = self.0.made.get() {
            return Ok(made);
        }
        self.noted(self.make())
    }

    fn make(&self) -> io::Result<&Made> {
        let path = self.0.root.folder()?.join(self.name());
        // Nobody but this process has a hand in it: then it was made, or moved in, by us.
        match owned_dir::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let real = path.canonicalize().map_err(at(&path))?;
        Ok(self.0.made.get_or_init(|| Made { path, real }))
    }

    /// Takes note of what writing came to, and hands it on.
    fn noted<U>(&self, result: io::Result<U>) -> io::Result<U> {
        self.0.root.trouble().noted(result)
    }

    /// Takes note of a transfer that failed, which may be for want of room here.
    pub(crate) fn note(&self, error: &StorageError) {
        if let Some(fault) = error.resource_fault() {
            self.0.root.trouble().failed(fault, error);
        }
    }

    /// Puts an existing folder in the place of ours.
    fn move_in(&self, from: &Path) -> io::Result<()> {
        let path = self.0.root.folder()?.join(self.name());
        // A folder that is read-only cannot be moved elsewhere.
        remove::unlock(from)?;
        std::fs::rename(from, path)?;
        self.made().map(drop)
    }

    /// Where a file of that name belongs. The folders on the way are made, the file is not.
    ///
    /// # Errors
    /// When the name is refused, or folders cannot be made.
    pub async fn path_to(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.path_to_now(name)).await
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// When the name is refused or the file cannot be read.
    pub async fn read(&self, name: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.read_now(name)).await
    }

    /// Reads a whole file as UTF-8 text.
    ///
    /// # Errors
    /// As [`TaskFiles::read`], and when it is not UTF-8.
    pub async fn read_string(&self, name: impl AsRef<Path>) -> io::Result<String> {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.read_string_now(name))
            .await
    }

    /// Reads a whole file as JSON.
    ///
    /// # Errors
    /// As [`TaskFiles::read`], and when it does not fit the type.
    pub async fn read_json<T>(&self, name: impl AsRef<Path>) -> io::Result<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.read_json_now(name))
            .await
    }

    /// Writes a whole file, replacing what was there, and returns where it is.
    ///
    /// # Errors
    /// When the name is refused or the file cannot be written.
    pub async fn write(
        &self,
        name: impl AsRef<Path>,
        content: impl Into<Vec<u8>>,
    ) -> io::Result<PathBuf> {
        let (name, content) = (name.as_ref().to_owned(), content.into());
        self.off_thread(move |files| files.write_now(name, content))
            .await
    }

    /// Writes a value as JSON, see [`TaskFiles::write`].
    ///
    /// # Errors
    /// As there, and when the value has no JSON form.
    pub async fn write_json<T: Serialize + ?Sized>(
        &self,
        name: impl AsRef<Path>,
        value: &T,
    ) -> io::Result<PathBuf> {
        self.write(name, serde_json::to_vec(value)?).await
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When the name is refused or the file cannot be opened.
    pub async fn open(&self, name: impl AsRef<Path>) -> io::Result<tokio::fs::File> {
        let name = name.as_ref().to_owned();
        let file = self.off_thread(move |files| files.open_now(name)).await?;
        Ok(tokio::fs::File::from_std(file))
    }

    /// Opens a file for writing, from nothing. It is complete after
    /// [`flush`](tokio::io::AsyncWriteExt::flush).
    ///
    /// # Errors
    /// When the name is refused or the file cannot be made.
    pub async fn create(&self, name: impl AsRef<Path>) -> io::Result<tokio::fs::File> {
        let name = name.as_ref().to_owned();
        let file = self.off_thread(move |files| files.create_now(name)).await?;
        Ok(tokio::fs::File::from_std(file))
    }

    /// Whether a file or folder of that name exists.
    ///
    /// # Errors
    /// When the name is refused.
    pub async fn exists(&self, name: impl AsRef<Path>) -> io::Result<bool> {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.exists_now(name)).await
    }

    /// The names in the task's folder, sorted, without those in subfolders.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list(&self) -> io::Result<Vec<String>> {
        self.off_thread(Self::list_now).await
    }

    /// The names in a subfolder, sorted.
    ///
    /// # Errors
    /// When the name is refused or is no folder.
    pub async fn list_in(&self, name: impl AsRef<Path>) -> io::Result<Vec<String>> {
        let name = name.as_ref().to_owned();
        self.off_thread(move |files| files.list_in_now(name)).await
    }

    /// File work off the handler's thread.
    pub(crate) async fn off_thread<T, W>(&self, work: W) -> io::Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Self) -> io::Result<T> + Send + 'static,
    {
        let files = self.clone();
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(io::Error::other)?
    }
}
