//! Objects that several tasks want, kept in a folder that several workers of one user may
//! share.
//!
//! A file of the cache is complete from the moment it has its name, and never changes
//! after that. There are no locks and no list of what is there: the folder itself is the
//! truth, so a process that is killed leaves nothing behind but unfinished files, which
//! are swept when they are old.

mod give;
mod room;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::OwnedMutexGuard;

use self::give::Way;
use super::key::digest;
use super::{ObjectInfo, ObjectUri};
use crate::config::BlobCacheMode;
use crate::storage::owned_dir;

/// The time of change of every file of the cache. A file with another was written to.
const UNTOUCHED: Duration = Duration::from_secs(1_000_000_000);

/// The cache. Its methods, but for [`BlobCache::turn`], block.
#[derive(Debug)]
pub(super) struct BlobCache {
    root: PathBuf,
    most: u64,
    mode: BlobCacheMode,
    /// Objects of different storages are different.
    storage: String,
    /// Set when the folder has turned out to be ours alone.
    is_ours: OnceLock<()>,
    way: OnceLock<Way>,
    /// Who is fetching what, in this process.
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// Where one version of one object is, if it is there.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    name: String,
    path: PathBuf,
    size: u64,
}

impl BlobCache {
    pub(super) fn new(root: &Path, most: u64, mode: BlobCacheMode, storage: &str) -> Self {
        Self {
            root: root.to_owned(),
            most,
            mode,
            storage: storage.to_owned(),
            is_ours: OnceLock::new(),
            way: OnceLock::new(),
            turns: Mutex::default(),
        }
    }

    /// The place of an object; `None` if it cannot be kept: its version has no mark, or
    /// it takes more room than there is.
    pub(super) fn entry(&self, uri: &ObjectUri, info: &ObjectInfo) -> Option<Entry> {
        let etag = info.etag.as_deref().filter(|etag| !etag.is_empty())?;
        if info.size > self.most {
            return None;
        }
        // None of these can contain a NUL.
        let (bucket, key) = (uri.bucket(), uri.key());
        let text = format!("{}\0{bucket}\0{key}\0{etag}\0{}", self.storage, info.size);
        let name = format!("{}{}", digest(&text), digest(text.clone() + "\0"));
        Some(Entry {
            path: self.root.join(&name),
            name,
            size: info.size,
        })
    }

    /// Waits until nobody else of this process fetches this object. Whoever has the turn
    /// looks into the cache once more.
    pub(super) async fn turn(&self, entry: &Entry) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().expect("nobody panics with it");
            let known = turns.get(&entry.name).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::new(tokio::sync::Mutex::new(()));
                turns.insert(entry.name.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }

    /// Puts the object into a file, if it is here. A file that is not as it should be is
    /// removed.
    pub(super) fn give(&self, entry: &Entry, target: &Path) -> io::Result<bool> {
        self.check_folder()?;
        match fs::symlink_metadata(&entry.path) {
            Ok(metadata) if is_good(&metadata, entry.size) => {}
            Ok(_) => {
                tracing::warn!(file = %entry.path.display(), "a file of the cache was written to: it is fetched again");
                let _ = fs::remove_file(&entry.path);
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        match self.way().give(entry, target) {
            Ok(()) => {}
            // Another process has just made room.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !entry.path.exists() => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        touch(&entry.path);
        Ok(true)
    }

    /// After an object was given: makes the next time quick, where that takes something.
    pub(super) fn prepare(&self, entry: &Entry) {
        let size = entry.size.saturating_mul(2);
        if *self.way() == Way::Copy && size <= self.most {
            let _ = give::make_spare(entry);
        }
    }

    /// A file for what is being fetched, beside which [`Sink`](super::Sink) writes.
    pub(super) fn draft(&self) -> io::Result<PathBuf> {
        self.check_folder()?;
        let folder = self.root.join(room::DRAFTS);
        if !folder.is_dir() {
            owned_dir::create_dir_all(&folder)?;
        }
        Ok(folder.join(format!("{:016x}", fastrand::u64(..))))
    }

    /// Takes in a complete file, and makes room for it.
    pub(super) fn keep(&self, draft: &Path, entry: &Entry) -> io::Result<()> {
        let file = fs::File::options().write(true).open(draft)?;
        let times = fs::FileTimes::new();
        let times = times.set_modified(UNIX_EPOCH + UNTOUCHED);
        file.set_times(times.set_accessed(SystemTime::now()))?;
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        drop(file);
        fs::rename(draft, &entry.path)?;
        room::make(&self.root, self.most, &entry.name)
    }

    /// What others put into the folder would be given to tasks as what they asked for.
    fn check_folder(&self) -> io::Result<()> {
        if self.is_ours.get().is_none() {
            owned_dir::ensure(&self.root)?;
            let _ = self.is_ours.set(());
        }
        Ok(())
    }

    fn way(&self) -> &Way {
        self.way.get_or_init(|| {
            let _ = room::make(&self.root, self.most, "");
            let way = Way::find(&self.root, self.mode);
            tracing::debug!(folder = %self.root.display(), ?way, "the cache is open");
            way
        })
    }
}

fn is_good(metadata: &fs::Metadata, size: u64) -> bool {
    let untouched = UNIX_EPOCH + UNTOUCHED;
    metadata.is_file()
        && metadata.len() == size
        && metadata.modified().is_ok_and(|time| time == untouched)
}

/// It was used now. The time of access is ours to set: file systems rarely do.
fn touch(path: &Path) {
    // Reading is enough for the owner to set times.
    if let Ok(file) = fs::File::open(path) {
        let _ = file.set_times(fs::FileTimes::new().set_accessed(SystemTime::now()));
    }
}
