//! One object, by way of the cache.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Shared;
use crate::storage::object::cache::{BlobCache, Entry};
use crate::storage::object::meter::Meter;
use crate::storage::object::{Expected, ObjectInfo, ObjectUri, StorageError};

/// An object that is replaced so often while it is fetched is not fetched.
const CHANGES: u32 = 3;

impl Shared {
    pub(super) async fn fetch_cached(
        &self,
        cache: &Arc<BlobCache>,
        uri: &Arc<ObjectUri>,
        to: &Path,
        expect: &Expected,
        mut known: Option<ObjectInfo>,
        meter: &Meter,
    ) -> Result<ObjectInfo, StorageError> {
        let mut changes = 0;
        loop {
            let info = match known.take() {
                Some(info) => info,
                None => self.stat_one(uri).await?,
            };
            expect.check(uri, &info)?;
            let Some(entry) = cache.entry(uri, &info) else {
                return self.download(uri, to, expect.clone(), meter).await;
            };
            match self.through(cache, &entry, uri, to, &info, meter).await {
                Ok(true) => return Ok(info),
                // The cache does not work. The task need not suffer from that.
                Ok(false) => return self.download(uri, to, expect.clone(), meter).await,
                // It is no longer what it was when we asked.
                Err(StorageError::Mismatch { .. } | StorageError::Changed { .. })
                    if changes < CHANGES =>
                {
                    changes += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// False if the cache fails.
    async fn through(
        &self,
        cache: &Arc<BlobCache>,
        entry: &Entry,
        uri: &Arc<ObjectUri>,
        to: &Path,
        info: &ObjectInfo,
        meter: &Meter,
    ) -> Result<bool, StorageError> {
        if self.given(cache, entry, to, true).await? == Some(true) {
            meter.was_cached(true);
            return Ok(true);
        }
        let _turn = cache.turn(entry).await;
        // Whoever had the turn before us may have fetched it.
        match self.given(cache, entry, to, true).await? {
            Some(true) => {
                meter.was_cached(true);
                return Ok(true);
            }
            Some(false) => meter.was_cached(false),
            None => return Ok(false),
        }
        let draft = match cache.draft() {
            Ok(draft) => Draft(draft),
            Err(error) => return Ok(failed(&error)),
        };
        let expect = Expected {
            size: Some(info.size),
            etag: info.etag.clone(),
        };
        match self.download(uri, &draft.0, expect, meter).await {
            // The folder of the cache, for we have no other file here.
            Err(StorageError::Io { error, .. }) => return Ok(failed(&error)),
            result => result?,
        };
        let (keeper, place) = (Arc::clone(cache), entry.clone());
        let kept = off_thread(move || keeper.keep(&draft.0, &place)).await;
        if let Err(error) = kept {
            return Ok(failed(&error));
        }
        Ok(self.given(cache, entry, to, false).await? == Some(true))
    }

    /// Whether it was in the cache; `None` if the cache fails.
    async fn given(
        &self,
        cache: &Arc<BlobCache>,
        entry: &Entry,
        to: &Path,
        is_hit: bool,
    ) -> Result<Option<bool>, StorageError> {
        let (giver, place, target) = (Arc::clone(cache), entry.clone(), to.to_owned());
        // Not the file's own name until it is known that the folder is there.
        let parent = to.parent().unwrap_or(Path::new(""));
        if !parent.as_os_str().is_empty() && !parent.is_dir() {
            return Err(StorageError::io(to)(io::ErrorKind::NotFound.into()));
        }
        match off_thread(move || giver.give(&place, &target)).await {
            Ok(was_there) => {
                if was_there && is_hit {
                    let (giver, place) = (Arc::clone(cache), entry.clone());
                    let prepare = async move || {
                        let _ = tokio::task::spawn_blocking(move || giver.prepare(&place)).await;
                    };
                    drop(self.storage_thread().spawn(prepare()));
                }
                Ok(Some(was_there))
            }
            Err(error) => {
                failed(&error);
                Ok(None)
            }
        }
    }
}

/// A fetched file on its way into the cache.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn failed(error: &io::Error) -> bool {
    tracing::warn!(%error, "the cache cannot be used (WORKER_BLOB_CACHE_DIR)");
    false
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
