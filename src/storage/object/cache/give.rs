//! How a task gets a file of the cache without being able to spoil it for others.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Entry;
use crate::config::BlobCacheMode;
use crate::storage::owned_dir;

/// The end of the name of a copy that is ready to be given away.
pub(super) const SPARE: &str = ".spare";

/// The ways, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A file of its own that shares what neither has changed. Some file systems can.
    Clone,
    /// Another name of the same file, which nobody may write to.
    Link,
    /// A copy. The next one is made beforehand.
    Copy,
}

impl Way {
    /// What is possible and safe here.
    pub(super) fn find(root: &Path, mode: BlobCacheMode) -> Self {
        if mode == BlobCacheMode::Link {
            return Self::Link;
        }
        let (from, to) = (temporary(root), temporary(root));
        let way = match try_clone(&from, &to) {
            Ok(()) => Self::Clone,
            Err(_) if mode == BlobCacheMode::Auto && is_bound_by_permissions(&from) => Self::Link,
            Err(_) => Self::Copy,
        };
        let _ = fs::remove_file(from);
        let _ = fs::remove_file(to);
        way
    }

    pub(super) fn give(self, entry: &Entry, target: &Path) -> io::Result<()> {
        match self {
            Self::Clone => clone(&entry.path, target).or_else(|_| copy(&entry.path, target)),
            Self::Link => match link(&entry.path, target) {
                // Another file system, or too many names.
                Err(error) if error.kind() != io::ErrorKind::NotFound => copy(&entry.path, target),
                result => result,
            },
            Self::Copy => take_spare(entry, target).or_else(|_| copy(&entry.path, target)),
        }
    }
}

/// A name beside a file that nobody else has.
fn temporary(folder: &Path) -> PathBuf {
    folder.join(format!(".axon-{:016x}.part", fastrand::u64(..)))
}

fn try_clone(from: &Path, to: &Path) -> io::Result<()> {
    new_file(from)?.write_all(&[7; 4096])?;
    clone(from, to)
}

/// Permissions mean nothing to root.
fn is_bound_by_permissions(file: &Path) -> bool {
    let read_only = fs::Permissions::from_mode(0o444);
    fs::set_permissions(file, read_only).is_ok()
        && File::options()
            .write(true)
            .open(file)
            .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = owned_dir::file_options();
    options.write(true).create_new(true).open(path)
}

/// Makes a file under another name and renames it.
fn by_another_name(target: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let made = temporary(target.parent().unwrap_or(Path::new("")));
    let result = make(&made).and_then(|()| fs::rename(&made, target));
    if result.is_err() {
        let _ = fs::remove_file(&made);
    }
    result
}

#[cfg(target_os = "linux")]
fn clone(from: &Path, target: &Path) -> io::Result<()> {
    by_another_name(target, |made| {
        let (from, to) = (File::open(from)?, new_file(made)?);
        Ok(rustix::fs::ioctl_ficlone(&to, &from)?)
    })
}

#[cfg(not(target_os = "linux"))]
fn clone(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn link(from: &Path, target: &Path) -> io::Result<()> {
    // Renaming one name of a file to another does nothing, so there must be none.
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::hard_link(from, target),
    }
}

fn copy(from: &Path, target: &Path) -> io::Result<()> {
    by_another_name(target, |made| {
        let (mut from, mut to) = (File::open(from)?, new_file(made)?);
        let size = from.metadata()?.len();
        if io::copy(&mut from, &mut to)? == size {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    })
}

fn spare(entry: &Entry) -> PathBuf {
    entry.path.with_extension(&SPARE[1..])
}

/// Only one of those who want it gets it.
fn take_spare(entry: &Entry, target: &Path) -> io::Result<()> {
    let spare = spare(entry);
    if fs::symlink_metadata(&spare)?.size() != entry.size {
        return Err(io::ErrorKind::InvalidData.into());
    }
    fs::rename(spare, target)
}

pub(super) fn make_spare(entry: &Entry) -> io::Result<()> {
    let spare = spare(entry);
    if spare.exists() {
        return Ok(());
    }
    copy(&entry.path, &spare)
}
