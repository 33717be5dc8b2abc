//! The folder of one process in `TASK_FILES_DIR`: a name nobody else has, and a lock
//! that says whether the process is alive.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::remove::remove_all;
use crate::storage::owned_dir;
use crate::storage::path_error::at;

/// What the folders of processes are called, before a random end.
const PREFIX: &str = "axon-";
/// In each of them; its lock is held as long as the process lives.
pub(super) const LOCK: &str = "owner.lock";

/// How often another process can get in the way of making a folder.
const ATTEMPTS: u32 = 16;

/// Whose folder it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) worker: String,
    pub(crate) host: String,
}

impl Owner {
    /// Whether a folder that nobody holds is ours to remove. Locks do not reach from
    /// one machine to another on every file system, so a folder of another machine
    /// is left alone, unless it was made under our own name.
    fn may_clear(&self, left_by: &Self) -> bool {
        self.worker == left_by.worker || self.host == left_by.host
    }
}

#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    owner: Owner,
    /// Tells this file from one that was put in its place.
    token: String,
}

/// A folder that is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) folder: PathBuf,
    /// `None` where the file system has no locks; nobody removes the folder then.
    lock: Option<File>,
}

impl Claim {
    /// Makes a folder of our own in `root`.
    pub(super) fn make(root: &Path, owner: &Owner) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            owned_dir::ensure(root)?;
            let token = uuid::Uuid::new_v4().simple().to_string();
            let folder = root.join(format!("{PREFIX}{}", &token[..16]));
            attempts += 1;
            match Self::take(&folder, owner, token) {
                // Between its making and its lock another process cleared it away.
                Err(error) if is_race(&error) && attempts < ATTEMPTS => {}
                done => return done,
            }
        }
    }

    fn take(folder: &Path, owner: &Owner, token: String) -> io::Result<Self> {
        owned_dir::create_dir(folder)?;
        let path = folder.join(LOCK);
        let mut options = owned_dir::file_options();
        let file = options.write(true).create_new(true).open(&path);
        let mut file = file.map_err(at(&path))?;
        let lock = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(_)) => false,
        };
        let note = Note {
            owner: owner.clone(),
            token,
        };
        file.write_all(&serde_json::to_vec(&note)?)?;
        // The lock may be that of a file that is no longer there.
        if read(&path)?.is_none_or(|found| found.token != note.token) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self {
            folder: folder.to_owned(),
            lock: lock.then_some(file),
        })
    }

    /// Takes over a folder whose process is gone. `None`: it is in use, or not ours.
    fn take_over(folder: PathBuf, us: &Owner) -> Option<Self> {
        // What others put there is not ours to deliver.
        owned_dir::check(&folder).ok()?;
        let path = folder.join(LOCK);
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        file.try_lock().ok()?;
        let note = read(&path).ok()??;
        us.may_clear(&note.owner).then_some(Self {
            folder,
            lock: Some(file),
        })
    }

    /// Removes the folder with everything in it.
    pub(super) fn remove(self) -> io::Result<()> {
        // The lock goes last, for a folder without one belongs to nobody.
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name() == LOCK {
                continue;
            }
            if entry.file_type()?.is_dir() {
                remove_all(&entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        self.remove_if_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.folder).is_ok_and(|entries| entries.count() <= 1)
    }

    /// Removes the folder if nothing but the lock is in it.
    pub(super) fn remove_if_empty(self) -> io::Result<()> {
        if !self.is_empty() {
            return Ok(());
        }
        match std::fs::remove_file(self.folder.join(LOCK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => drop(self.lock),
        }
        std::fs::remove_dir(&self.folder)
    }
}

/// The folders of processes that are gone, taken over. `root` is ours alone; what another
/// user put there before it was is left alone.
pub(super) fn abandoned(root: &Path, us: &Owner) -> Vec<Claim> {
    let (Ok(entries), Ok(about)) = (std::fs::read_dir(root), std::fs::metadata(root)) else {
        return Vec::new();
    };
    let mut claims = Vec::new();
    for entry in entries.flatten() {
        // Not what a link leads to.
        let found = entry.metadata();
        let is_ours = found.is_ok_and(|found| found.is_dir() && found.uid() == about.uid());
        if !is_ours || !is_of_process(&entry.file_name().to_string_lossy()) {
            continue;
        }
        match Claim::take_over(entry.path(), us) {
            Some(claim) => claims.push(claim),
            // One that is being made, or was left half made: only removed when empty.
            None => drop(std::fs::remove_dir(entry.path())),
        }
    }
    claims
}

fn is_of_process(name: &str) -> bool {
    let end = name.strip_prefix(PREFIX).unwrap_or_default();
    end.len() == 16 && end.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `None`: it says nothing that makes sense, as when it is being written.
fn read(path: &Path) -> io::Result<Option<Note>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?).ok())
}

fn is_race(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotFound, WouldBlock};
    matches!(error.kind(), AlreadyExists | NotFound | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(worker: &str, host: &str) -> Owner {
        Owner {
            worker: worker.to_owned(),
            host: host.to_owned(),
        }
    }

    #[test]
    fn a_folder_in_use_is_nobody_elses() {
        let root = tempfile::tempdir().unwrap();
        let us = owner("w", "here");
        let claim = Claim::make(root.path(), &us).unwrap();
        assert!(abandoned(root.path(), &us).is_empty());
        assert!(claim.folder.is_dir());
        let other = Claim::make(root.path(), &us).unwrap();
        assert_ne!(claim.folder, other.folder);
        drop(claim);
        let left = abandoned(root.path(), &us);
        assert_eq!(left.len(), 1);
        assert!(other.folder.is_dir());
    }

    #[test]
    fn what_another_machine_left_is_cleared_under_its_own_name_only() {
        let root = tempfile::tempdir().unwrap();
        drop(Claim::make(root.path(), &owner("w", "there")).unwrap());
        assert!(abandoned(root.path(), &owner("v", "here")).is_empty());
        assert_eq!(abandoned(root.path(), &owner("v", "there")).len(), 1);
        assert_eq!(abandoned(root.path(), &owner("w", "here")).len(), 1);
    }

    #[test]
    fn what_another_user_planted_is_not_taken_for_ours() {
        let root = tempfile::tempdir().unwrap();
        let us = owner("w", "here");
        let planted = Claim::make(root.path(), &us).unwrap().folder;
        // Only root can give things away, and only root is in danger.
        if std::os::unix::fs::chown(&planted, Some(12_345), None).is_ok() {
            assert!(abandoned(root.path(), &us).is_empty());
            assert!(planted.is_dir());
        }
    }

    #[test]
    fn only_folders_of_processes_are_touched() {
        let root = tempfile::tempdir().unwrap();
        let us = owner("w", "here");
        for name in [
            "axon-",
            "axon-notes",
            "job-1",
            ".journal",
            "axon-0123456789abcdeg",
        ] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join("axon-0123456789abcdef"), "a file").unwrap();
        for claim in abandoned(root.path(), &us) {
            claim.remove().unwrap();
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 6);
    }

    #[test]
    fn a_folder_that_holds_something_is_not_removed_as_empty() {
        let root = tempfile::tempdir().unwrap();
        let us = owner("w", "here");
        let claim = Claim::make(root.path(), &us).unwrap();
        let folder = claim.folder.clone();
        std::fs::create_dir_all(folder.join("1-t/sub")).unwrap();
        claim.remove_if_empty().unwrap();
        assert!(folder.join("1-t/sub").is_dir());
        let claim = abandoned(root.path(), &us).pop().expect("its lock is free");
        claim.remove().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn many_processes_that_begin_at_once_do_not_meet() {
        let root = tempfile::tempdir().unwrap();
        let folders: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                let us = owner("w", "here");
                // As every process does: clear, then claim.
                for claim in abandoned(root.path(), &us) {
                    claim.remove().unwrap();
                }
                Claim::make(root.path(), &us).unwrap()
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for claim in &folders {
            assert!(claim.folder.join(LOCK).is_file());
        }
    }
}
