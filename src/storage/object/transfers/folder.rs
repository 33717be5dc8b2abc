//! Many objects.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Shared;
use super::retry::{Retries, watched};
use crate::storage::object::key::renamed;
use crate::storage::object::{
    Expected, FolderInfo, FolderPlan, ListedObject, ObjectInfo, ObjectUri, Page, StorageError,
};
use crate::storage::owned_dir;

impl Shared {
    pub(super) async fn fetch_folder(
        self: &Arc<Self>,
        folder: &ObjectUri,
        to: &Path,
    ) -> Result<FolderInfo, StorageError> {
        let listed = self.list_all(folder).await?;
        let plan = FolderPlan::new(folder, listed.iter().map(|object| object.key.as_str()))?;
        owned_dir::create_dir_all(to).map_err(StorageError::io(to))?;
        let jobs = jobs(listed, &plan, to)?;
        let done: Vec<_> = stream::iter(jobs)
            .map(|(object, path)| async move {
                let uri = Arc::new(folder.sibling(&*object.key));
                let (any, known) = (Expected::default(), Some(object.info));
                let info = self.fetch_one(uri, &path, any, known).await?;
                Ok((object.key, info))
            })
            .buffer_unordered(self.limits.parallel)
            .try_collect()
            .await?;
        Ok(summary(done))
    }

    async fn list_all(&self, folder: &ObjectUri) -> Result<Vec<ListedObject>, StorageError> {
        let prefix = folder.prefix();
        let mut objects = Vec::new();
        let mut after = None;
        loop {
            let page = self.list_page(folder, &prefix, after.as_deref()).await?;
            objects.extend(page.objects);
            match page.next {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                Some(_) => {
                    let reason = "its listing does not get on";
                    return Err(StorageError::unavailable(folder, reason));
                }
                None => return Ok(objects),
            }
        }
    }

    async fn list_page(
        &self,
        folder: &ObjectUri,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Page, StorageError> {
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                let request = self.store.list(folder.bucket(), prefix, after);
                watched(request, None, folder, self.limits.stall).await
            };
            match result {
                Err(error) if retries.again(&error, None).await => {}
                result => return result,
            }
        }
    }

    pub(super) async fn store_folder(
        self: &Arc<Self>,
        from: &Path,
        folder: &ObjectUri,
    ) -> Result<FolderInfo, StorageError> {
        let mut files = Vec::new();
        find(from, &folder.prefix(), &mut files)?;
        let done: Vec<_> = stream::iter(files)
            .map(|(path, key)| async move {
                let uri = Arc::new(folder.sibling(&*key));
                let info = self.store_one(&path, uri).await?;
                Ok((key, info))
            })
            .buffer_unordered(self.limits.parallel)
            .try_collect()
            .await?;
        Ok(summary(done))
    }
}

fn summary(mut done: Vec<(String, ObjectInfo)>) -> FolderInfo {
    done.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    FolderInfo {
        objects: done.len(),
        size: done.iter().map(|(_, info)| info.size).sum(),
        last_etag: done.pop().and_then(|(_, info)| info.etag),
    }
}

/// What is fetched, and where to. All folders are there afterwards.
fn jobs(
    listed: Vec<ListedObject>,
    plan: &FolderPlan,
    to: &Path,
) -> Result<Vec<(ListedObject, PathBuf)>, StorageError> {
    let mut jobs = Vec::with_capacity(listed.len());
    let (mut made, mut placed) = (HashSet::new(), HashSet::new());
    for (place, object) in listed.into_iter().enumerate() {
        let Some(path) = plan.path(place) else {
            continue;
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        if made.insert(parent.to_owned()) {
            make_folders(to, parent).map_err(StorageError::io(to.join(parent)))?;
        }
        let mut target = to.join(path);
        if plan.is_doubtful(place) {
            target = own_place(target, &object.key, &mut placed)?;
        }
        jobs.push((object, target));
    }
    Ok(jobs)
}

/// A file of its own for a name that the file system might take for another one's.
fn own_place(
    target: PathBuf,
    key: &str,
    placed: &mut HashSet<(u64, u64)>,
) -> Result<PathBuf, StorageError> {
    for path in [target.clone(), renamed(&target, key)] {
        let known = fs::symlink_metadata(&path).or_else(|_| {
            let mut options = owned_dir::file_options();
            let file = options
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)?;
            file.metadata()
        });
        let metadata = known.map_err(StorageError::io(&path))?;
        if placed.insert((metadata.dev(), metadata.ino())) {
            return Ok(path);
        }
    }
    let error = io::Error::new(io::ErrorKind::AlreadyExists, "two keys have this name");
    Err(StorageError::io(target)(error))
}

/// Folders below `root`, none of them through a link that may lead elsewhere.
fn make_folders(root: &Path, below: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    for part in below.components() {
        let Component::Normal(part) = part else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        path.push(part);
        match owned_dir::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !fs::symlink_metadata(&path)?.is_dir() {
            let text = "there is something else of this name";
            return Err(io::Error::new(io::ErrorKind::NotADirectory, text));
        }
    }
    Ok(())
}

/// The files of a folder and their keys, in order.
fn find(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(PathBuf, String)>,
) -> Result<(), StorageError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(StorageError::io(folder))? {
        entries.push(entry.map_err(StorageError::io(folder))?);
    }
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            let error = io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8");
            return Err(StorageError::Io { path, error });
        };
        let kind = entry.file_type().map_err(StorageError::io(&path))?;
        if kind.is_dir() {
            find(&path, &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            files.push((path, format!("{prefix}{name}")));
        }
    }
    Ok(())
}
