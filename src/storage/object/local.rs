//! A folder that stands in for a storage: one folder inside for each bucket, a file for
//! each object. For development and tests.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::{
    ListedObject, ObjectInfo, ObjectStore, ObjectUri, Page, Sink, Source, StorageError, StoreFuture,
};

/// Objects of one page.
const PAGE: usize = 1000;
/// What is copied at once.
const CHUNK: usize = 256 * 1024;
/// Where files are while they are written.
const DRAFTS: &str = ".drafts";

/// A storage in a folder. Buckets are made when first written to. An object's mark is
/// made of its file's number, size and time of change.
///
/// Keys are paths: parts that are empty, `.` or `..` are refused, and no key may be
/// another's folder.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// In this folder, which is made when needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn bucket(&self, bucket: &str) -> Option<PathBuf> {
        let is_name = !bucket.is_empty() && !bucket.starts_with('.');
        (is_name && !bucket.contains(['/', '\0'])).then(|| self.root.join(bucket))
    }

    fn path(&self, at: &ObjectUri) -> Result<PathBuf, StorageError> {
        let refused = |reason| StorageError::UnsafeKey {
            uri: at.clone(),
            reason,
        };
        let mut path = self
            .bucket(at.bucket())
            .ok_or_else(|| refused("its bucket is no plain name"))?;
        for part in at.key().split('/') {
            if matches!(part, "" | "." | "..") || part.contains('\0') {
                return Err(refused("a part of it is empty, ., .. or has a NUL"));
            }
            path.push(part);
        }
        Ok(path)
    }

    fn open(&self, at: &ObjectUri) -> Result<(File, ObjectInfo), StorageError> {
        let path = self.path(at)?;
        let file = File::open(&path).map_err(failed(at, &path))?;
        let metadata = file.metadata().map_err(failed(at, &path))?;
        if metadata.is_dir() {
            return Err(StorageError::NotFound { uri: at.clone() });
        }
        Ok((file, info(&metadata)))
    }

    /// `caller` is gone when the attempt was given up. The object is left alone then:
    /// another attempt, or another task's file, may be there by now.
    fn write(
        &self,
        from: &Source,
        to: &ObjectUri,
        caller: &Weak<()>,
    ) -> Result<ObjectInfo, StorageError> {
        let target = self.path(to)?;
        let drafts = self.root.join(DRAFTS);
        fs::create_dir_all(&drafts).map_err(StorageError::io(&drafts))?;
        let draft = drafts.join(format!("{:016x}", fastrand::u64(..)));
        let written = copy(from, &draft, to, caller).and_then(|()| {
            let parent = target.parent().unwrap_or(&self.root);
            fs::create_dir_all(parent).map_err(StorageError::io(parent))?;
            check(caller, to)?;
            fs::rename(&draft, &target).map_err(StorageError::io(&target))?;
            let metadata = fs::metadata(&target).map_err(failed(to, &target))?;
            Ok(info(&metadata))
        });
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    fn page(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Page, StorageError> {
        let uri = ObjectUri::new(bucket, prefix);
        let root = self
            .bucket(bucket)
            .ok_or_else(|| StorageError::NotFound { uri: uri.clone() })?;
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.split('/').any(|part| matches!(part, "." | "..")) {
            return Ok(Page::default());
        }
        let mut keys = Vec::new();
        walk(&root, folder, &mut keys).map_err(failed(&uri, &root))?;
        keys.retain(|key: &String| {
            key.starts_with(prefix) && after.is_none_or(|after| **key > *after)
        });
        keys.sort_unstable();
        let next = (keys.len() > PAGE).then(|| keys[PAGE - 1].clone());
        keys.truncate(PAGE);
        let mut objects = Vec::with_capacity(keys.len());
        for key in keys {
            let path = root.join(&key);
            match fs::metadata(&path) {
                Ok(metadata) => objects.push(ListedObject {
                    key,
                    info: info(&metadata),
                }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(StorageError::Io { path, error }),
            }
        }
        Ok(Page { objects, next })
    }
}

/// Files below a folder of a bucket, as keys. A missing folder has none.
fn walk(root: &Path, folder: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is no text cannot be a key.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let key = match folder {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        if entry.file_type()?.is_dir() {
            walk(root, &key, keys)?;
        } else {
            keys.push(key);
        }
    }
    Ok(())
}

/// Copies at offsets: the position of the source is shared by all who read it.
fn copy(
    from: &Source,
    draft: &Path,
    to: &ObjectUri,
    caller: &Weak<()>,
) -> Result<(), StorageError> {
    let mut file = File::create(draft).map_err(StorageError::io(draft))?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < from.size() {
        check(caller, to)?;
        let left = usize::try_from(from.size() - at).unwrap_or(CHUNK);
        let piece = &mut buffer[..left.min(CHUNK)];
        let read = from.file().read_exact_at(piece, at);
        read.map_err(|error| from.failed(error))?;
        file.write_all(piece).map_err(StorageError::io(draft))?;
        from.count(piece.len());
        at += piece.len() as u64;
    }
    Ok(())
}

/// An error if nobody waits for the attempt any more.
fn check(caller: &Weak<()>, to: &ObjectUri) -> Result<(), StorageError> {
    match caller.strong_count() {
        0 => Err(StorageError::Cancelled { uri: to.clone() }),
        _ => Ok(()),
    }
}

fn info(metadata: &fs::Metadata) -> ObjectInfo {
    let time = (metadata.mtime(), metadata.mtime_nsec());
    ObjectInfo {
        size: metadata.len(),
        etag: Some(format!(
            "{:x}-{:x}-{:x}{:08x}",
            metadata.ino(),
            metadata.len(),
            time.0,
            time.1
        )),
    }
}

fn failed(uri: &ObjectUri, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let (uri, path) = (uri.clone(), path.to_owned());
    move |error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => StorageError::NotFound { uri },
        ErrorKind::PermissionDenied => StorageError::Denied {
            uri,
            reason: error.to_string(),
        },
        _ => StorageError::Io { path, error },
    }
}

impl ObjectStore for LocalStore {
    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async move { Ok(self.open(at)?.1) })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> StoreFuture<'a, Page> {
        let store = Self::new(&self.root);
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        let after = after.map(str::to_owned);
        Box::pin(off_thread(move || {
            store.page(&bucket, &prefix, after.as_deref())
        }))
    }

    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (file, info) = self.open(from)?;
            if let (Some(wanted), Some(found)) = (sink.if_match(), &info.etag)
                && wanted != found
            {
                return Err(StorageError::Changed { uri: from.clone() });
            }
            sink.begin(info)?;
            sink.write_file(file).await
        })
    }

    fn put<'a>(&'a self, from: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        let (store, from, to) = (Self::new(&self.root), from.clone(), to.clone());
        let caller = Arc::new(());
        let seen = Arc::downgrade(&caller);
        Box::pin(async move {
            let written = off_thread(move || store.write(&from, &to, &seen)).await;
            drop(caller);
            written
        })
    }

    fn delete<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let path = self.path(at)?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(StorageError::Io { path, error })
                }
                _ => Ok(()),
            }
        })
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StorageError::Io {
            path: PathBuf::new(),
            error: io::Error::other(error),
        }),
    }
}
