//! The way between a task's folder and the object storage.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::TaskFiles;
use crate::id::{JobId, TaskId, check_identifier};
use crate::storage::object::{
    Expected, FolderInfo, ObjectInfo, ObjectUri, StorageError, Transfers,
};
use crate::storage::offload::{Places, name_in_uri};
use crate::storage::path_error::at;
use crate::task::Cancellation;

/// A file or folder that is in the object storage now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Where; ends in `/` for a folder.
    pub uri: ObjectUri,
    /// Bytes; of a folder, those of all its files.
    pub size: u64,
    /// The storage's mark of the content, without quotes. A folder has none.
    pub etag: Option<String>,
}

/// The way of one task to the storage. Ends with the task.
#[derive(Debug)]
pub(crate) struct Link {
    transfers: Transfers,
    cancellation: Cancellation,
    task_id: TaskId,
    job_id: JobId,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    prefix: String,
    places: Places,
    /// A file that is uploaded again replaces its object.
    given: HashMap<PathBuf, ObjectUri>,
}

impl Link {
    pub(crate) fn new(
        transfers: Transfers,
        cancellation: Cancellation,
        task_id: TaskId,
        job_id: JobId,
    ) -> Self {
        Self {
            transfers,
            cancellation,
            task_id,
            job_id,
            keys: Mutex::default(),
        }
    }

    /// Reads an object into a file, or all below a folder into a folder.
    pub(crate) async fn fetch(
        &self,
        from: &ObjectUri,
        to: &Path,
        expected: &Expected,
    ) -> Result<(), StorageError> {
        if from.is_folder() {
            let all = self.transfers.fetch_folder(from, to, &self.cancellation);
            all.await.map(drop)
        } else {
            let one = self.transfers.fetch(from, to, expected, &self.cancellation);
            one.await.map(drop)
        }
    }

    /// Writes a file or folder, without links in its path, to where this task's results
    /// belong.
    pub(crate) async fn store(
        &self,
        files: &TaskFiles,
        real: &Path,
        is_folder: bool,
    ) -> Result<StoredFile, StorageError> {
        let uri = self.uri_for(files, real, is_folder);
        if is_folder {
            let all = self.transfers.store_folder(real, &uri, &self.cancellation);
            let FolderInfo { size, .. } = all.await?;
            return Ok(StoredFile {
                uri,
                size,
                etag: None,
            });
        }
        let one = self.transfers.store(real, &uri, &self.cancellation);
        let ObjectInfo { size, etag } = one.await?;
        Ok(StoredFile { uri, size, etag })
    }

    /// `{job}/{task}/{name}` in the default bucket. No other task has this prefix, and
    /// no other file of this task this name.
    fn uri_for(&self, files: &TaskFiles, real: &Path, is_folder: bool) -> ObjectUri {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uri) = keys.given.get(real) {
            return uri.clone();
        }
        if keys.prefix.is_empty() {
            let (job, task) = (
                key_part(self.job_id.as_str()),
                key_part(self.task_id.as_str()),
            );
            keys.prefix = format!("{job}/{task}");
        }
        let name = if files.is_root(real) {
            key_part(self.task_id.as_str())
        } else {
            let name = real.file_name().unwrap_or_default();
            name_in_uri(&name.to_string_lossy())
        };
        let place = keys.places.give(&name);
        let end = if is_folder { "/" } else { "" };
        let key = format!("{}/{place}{end}", keys.prefix);
        let uri = ObjectUri::new(self.transfers.default_bucket(), key);
        keys.given.insert(real.to_owned(), uri.clone());
        uri
    }
}

/// What comes from the wire is part of a key only if it is a plain name.
fn key_part(id: &str) -> String {
    match check_identifier(id) {
        Ok(()) => id.to_owned(),
        Err(_) => uuid::Uuid::new_v4().to_string(),
    }
}

impl TaskFiles {
    pub(crate) fn link(&self) -> Option<&Link> {
        self.0.link.as_ref()
    }

    fn linked(&self) -> Result<&Link, StorageError> {
        self.link().ok_or_else(|| StorageError::Setup {
            reason: "none is configured".to_owned(),
        })
    }

    /// Whether this worker has an object storage. Without one, `s3://` values reach
    /// handlers as they are, and paths in results leave as they are.
    #[must_use]
    pub fn has_storage(&self) -> bool {
        self.0.link.is_some()
    }

    /// Uploads a file or folder now and says where it is: `s3://{default
    /// bucket}/{job}/{task}/{its name}`. What a handler returns is uploaded by itself;
    /// this is for what should be there before, or be named in another way.
    ///
    /// # Errors
    /// When the name is refused, there is no storage, it failed for longer than it is
    /// tried, or the task was called off.
    pub async fn upload(&self, name: impl AsRef<Path>) -> Result<StoredFile, StorageError> {
        let (link, name) = (self.linked()?, name.as_ref().to_owned());
        let path = name.clone();
        let found = self.off_thread(move |files| files.real(&name)).await;
        let (real, is_folder) = found.map_err(StorageError::io(path))?;
        link.store(self, &real, is_folder).await
    }

    /// [`TaskFiles::upload`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn upload_now(&self, name: impl AsRef<Path>) -> Result<StoredFile, StorageError> {
        let (link, name) = (self.linked()?, name.as_ref());
        let (real, is_folder) = self.real(name).map_err(StorageError::io(name))?;
        wait_for(link.store(self, &real, is_folder))
    }

    /// Downloads an object into a file of that name, or all below `s3://bucket/folder/`
    /// into a folder, and returns where it is. What parameters name is downloaded by
    /// itself, before the handler is called.
    ///
    /// # Errors
    /// When the name is refused, there is no storage or no such object, the storage
    /// failed for longer than it is tried, or the task was called off.
    pub async fn download(
        &self,
        from: &ObjectUri,
        name: impl AsRef<Path>,
    ) -> Result<PathBuf, StorageError> {
        let (link, name) = (self.linked()?, name.as_ref());
        let path = self.path_to(name).await.map_err(StorageError::io(name))?;
        let fetched = link.fetch(from, &path, &Expected::default()).await;
        fetched.inspect_err(|error| self.note(error))?;
        Ok(path)
    }

    /// [`TaskFiles::download`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn download_now(
        &self,
        from: &ObjectUri,
        name: impl AsRef<Path>,
    ) -> Result<PathBuf, StorageError> {
        let (link, name) = (self.linked()?, name.as_ref());
        let path = self.path_to_now(name).map_err(StorageError::io(name))?;
        let fetched = wait_for(link.fetch(from, &path, &Expected::default()));
        fetched.inspect_err(|error| self.note(error))?;
        Ok(path)
    }

    /// What a name stands for, and whether that is a folder.
    fn real(&self, name: &Path) -> std::io::Result<(PathBuf, bool)> {
        let path = self.existing(name)?;
        let real = path.canonicalize().map_err(at(&path))?;
        let is_folder = real.is_dir();
        Ok((real, is_folder))
    }
}

/// Waits for a transfer on a thread that has nothing else to do. The transfer itself
/// happens on the thread of the transfers.
fn wait_for<T>(transfer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut transfer = pin!(transfer);
    loop {
        match transfer.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
