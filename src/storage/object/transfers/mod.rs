//! What the worker moves objects with.

mod cached;
mod folder;
mod one;
mod parts;
mod retry;
mod thread;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use self::thread::StorageThread;
#[cfg(feature = "s3")]
use super::S3Store;
use super::cache::BlobCache;
use super::key::digest;
use super::meter::News;
use super::{
    Expected, FolderInfo, LocalStore, ObjectInfo, ObjectStore, ObjectUri, StorageError,
    TransferCounts, TransferEvents,
};
use crate::config::StorageSettings;
use crate::task::Cancellation;

/// How transfers behave.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TransferLimits {
    /// Requests at once, of all transfers together. Default 16.
    pub parallel: usize,
    /// Files above two parts go in parts of this size, in bytes. Default 8 MiB.
    pub part_size: u64,
    /// A request during which no byte moves for this long has failed. Default 60 s.
    pub stall: Duration,
    /// How often a request is tried again without success in between. Default 5.
    pub max_retries: u32,
    /// The wait before the first of these, doubling up to 10 s. Default 0.2 s.
    pub retry_delay: Duration,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            parallel: 16,
            part_size: 8 * 1024 * 1024,
            stall: Duration::from_mins(1),
            max_retries: 5,
            retry_delay: Duration::from_millis(200),
        }
    }
}

/// Moves objects from and to local files: with retries, resuming, limits and checks.
///
/// Cheap to clone, usable from any thread and any runtime. The work is done on a thread
/// of its own, `axon-storage`, which starts with the first transfer.
///
/// Dropping the future of a method, or firing its [`Cancellation`], ends the transfer;
/// what was written in part goes away, here and in the storage.
#[derive(Debug, Clone)]
pub struct Transfers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Arc<dyn ObjectStore>,
    limits: TransferLimits,
    default_bucket: String,
    news: News,
    places: Arc<Semaphore>,
    thread: OnceLock<StorageThread>,
    cache: Option<Arc<BlobCache>>,
}

impl Transfers {
    /// With a storage of your own.
    pub fn new(
        store: impl ObjectStore,
        default_bucket: impl Into<String>,
        limits: TransferLimits,
    ) -> Self {
        Self(Arc::new(Shared {
            store: Arc::new(store),
            places: Arc::new(Semaphore::new(limits.parallel.clamp(1, 1024))),
            limits,
            default_bucket: default_bucket.into(),
            news: News::new(),
            thread: OnceLock::new(),
            cache: None,
        }))
    }

    /// Keeps fetched objects in the cache of the settings, if they name one. `storage`
    /// tells the objects of this storage from those of others that share the folder.
    #[must_use]
    pub fn with_cache(self, settings: &StorageSettings, storage: &str) -> Self {
        let Some(folder) = &settings.blob_cache_dir else {
            return self;
        };
        let (most, mode) = (settings.blob_cache_bytes, settings.blob_cache_mode);
        let shared = &self.0;
        Self(Arc::new(Shared {
            store: Arc::clone(&shared.store),
            limits: shared.limits.clone(),
            default_bucket: shared.default_bucket.clone(),
            news: shared.news.clone(),
            places: Arc::clone(&shared.places),
            thread: OnceLock::new(),
            cache: Some(Arc::new(BlobCache::new(folder, most, mode, storage))),
        }))
    }

    /// With the storage of the settings; `None` if there is none.
    ///
    /// # Errors
    /// [`StorageError::Setup`], naming the variable.
    pub fn from_settings(settings: &StorageSettings) -> Result<Option<Self>, StorageError> {
        let limits = TransferLimits {
            parallel: settings.parallel,
            part_size: settings.part_size,
            stall: settings.stall_timeout,
            max_retries: settings.max_retries,
            ..TransferLimits::default()
        };
        let bucket = settings.default_bucket.clone();
        if let Some(endpoint) = &settings.endpoint_url {
            #[cfg(feature = "s3")]
            {
                let transfers = Self::new(S3Store::new(settings)?, bucket, limits);
                return Ok(Some(transfers.with_cache(settings, endpoint)));
            }
            #[cfg(not(feature = "s3"))]
            return Err(StorageError::Setup {
                reason: format!(
                    "S3_ENDPOINT_URL is {endpoint}, but this program was built without the \
                     feature \"s3\""
                ),
            });
        }
        let Some(root) = &settings.local_root else {
            return Ok(None);
        };
        let transfers = Self::new(LocalStore::new(root), bucket, limits);
        Ok(Some(
            transfers.with_cache(settings, &root.to_string_lossy()),
        ))
    }

    /// The bucket for results.
    pub fn default_bucket(&self) -> &str {
        &self.0.default_bucket
    }

    /// News of all transfers from now on.
    pub fn subscribe(&self) -> TransferEvents {
        self.0.news.subscribe()
    }

    /// Sums of all transfers so far.
    pub fn counts(&self) -> TransferCounts {
        self.0.news.counts()
    }

    /// Copies an object into a file. The folder of the file must exist; the file appears
    /// complete or not at all, and replaces one that is there.
    ///
    /// # Errors
    /// [`StorageError::Mismatch`] when the object is not the expected one.
    pub async fn fetch(
        &self,
        from: &ObjectUri,
        to: &Path,
        expect: &Expected,
        cancel: &Cancellation,
    ) -> Result<ObjectInfo, StorageError> {
        let (uri, to, expect) = (Arc::new(from.clone()), to.to_owned(), expect.clone());
        let shared = Arc::clone(&self.0);
        let work = async move { shared.fetch_one(uri, &to, expect, None).await };
        self.thread()?.run(from, cancel, work).await
    }

    /// Copies all objects below a prefix into a folder, which is made. See
    /// [`FolderPlan`](super::FolderPlan) for the names. No object to copy is no error.
    ///
    /// # Errors
    /// The first one; what was copied until then stays.
    pub async fn fetch_folder(
        &self,
        from: &ObjectUri,
        to: &Path,
        cancel: &Cancellation,
    ) -> Result<FolderInfo, StorageError> {
        let (folder, to) = (from.clone(), to.to_owned());
        let shared = Arc::clone(&self.0);
        let work = async move { shared.fetch_folder(&folder, &to).await };
        self.thread()?.run(from, cancel, work).await
    }

    /// Copies a file into an object, in parts if it is large.
    ///
    /// # Errors
    /// When the file cannot be read or the storage does not take it.
    pub async fn store(
        &self,
        from: &Path,
        to: &ObjectUri,
        cancel: &Cancellation,
    ) -> Result<ObjectInfo, StorageError> {
        let (path, uri) = (from.to_owned(), Arc::new(to.clone()));
        let shared = Arc::clone(&self.0);
        let work = async move { shared.store_one(&path, uri).await };
        self.thread()?.run(to, cancel, work).await
    }

    /// Copies all files below a folder into objects below a prefix. Links are not
    /// followed and not copied, nor are empty folders.
    ///
    /// # Errors
    /// The first one; what was copied until then stays.
    pub async fn store_folder(
        &self,
        from: &Path,
        to: &ObjectUri,
        cancel: &Cancellation,
    ) -> Result<FolderInfo, StorageError> {
        let (path, folder) = (from.to_owned(), to.clone());
        let shared = Arc::clone(&self.0);
        let work = async move { shared.store_folder(&path, &folder).await };
        self.thread()?.run(to, cancel, work).await
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none.
    pub async fn stat(
        &self,
        at: &ObjectUri,
        cancel: &Cancellation,
    ) -> Result<ObjectInfo, StorageError> {
        let (uri, shared) = (at.clone(), Arc::clone(&self.0));
        let work = async move { shared.stat_one(&uri).await };
        self.thread()?.run(at, cancel, work).await
    }

    /// Deletes an object. None to delete is no error.
    ///
    /// # Errors
    /// When the storage does not do it.
    pub async fn delete(&self, at: &ObjectUri, cancel: &Cancellation) -> Result<(), StorageError> {
        let (uri, shared) = (at.clone(), Arc::clone(&self.0));
        let work = async move { shared.delete_one(&uri).await };
        self.thread()?.run(at, cancel, work).await
    }

    /// Waits until nothing is going on any more, at most this long: also for what
    /// called-off transfers still have to clean up in the storage.
    pub async fn settled(&self, within: Duration) {
        if let Some(thread) = self.0.thread.get() {
            let _ = tokio::time::timeout(within, thread.settled()).await;
        }
    }

    fn thread(&self) -> Result<&StorageThread, StorageError> {
        if let Some(thread) = self.0.thread.get() {
            return Ok(thread);
        }
        let started = StorageThread::start().map_err(|error| StorageError::Setup {
            reason: format!("the thread axon-storage did not start: {error}"),
        })?;
        // If another was quicker, ours ends by being dropped.
        Ok(self.0.thread.get_or_init(|| started))
    }
}

/// What an orchestrator compares to see whether worker and itself use the same storage:
/// 16 hex digits of a SHA-256 over endpoint, access key and bucket (rxon 1.0b2 and
/// 1.0b17). `None` unless all three are there.
pub fn s3_config_hash(settings: &StorageSettings) -> Option<String> {
    let endpoint = settings.endpoint_url.as_deref()?;
    let access_key = settings.access_key.as_ref()?.expose();
    let parts = [endpoint, access_key, &settings.default_bucket];
    if parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    Some(digest(parts.join("|")))
}
