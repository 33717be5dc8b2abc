//! The folder of a journal: whose it is, and what becomes of a file that makes no sense.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::error;

use super::error::JournalError;
use super::record;
use super::store::{Contents, Store, StoreError};

/// Says which process has the folder.
const LOCK: &str = "lock";
pub(super) const FILE: &str = "journal.redb";

/// The folder for us alone, for as long as the file is open.
pub(super) fn lock(folder: &Path) -> Result<File, JournalError> {
    let unusable = |error| JournalError::Folder {
        path: folder.to_owned(),
        error,
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Whether a worker could have the journal in this folder: it can be written, and no
/// other worker has it. The folder is made, and a file for the lock in it, as a worker
/// would; what is in the journal is not looked at.
///
/// # Errors
/// [`JournalError::InUse`] when another worker has it, else what is wrong with the folder.
pub fn check_journal(folder: &Path) -> Result<(), JournalError> {
    let _lock = lock(folder)?;
    let unusable = |error| JournalError::Folder {
        path: folder.to_owned(),
        error,
    };
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"probe").map_err(unusable)?;
    std::fs::remove_file(&probe).map_err(unusable)
}

/// Opens the file, a new one if the old one is corrupt.
pub(super) fn open_or_set_aside(
    path: &Path,
    now: SystemTime,
) -> Result<(Store, Contents), StoreError> {
    match Store::open(path) {
        Err(StoreError::Corrupt(reason)) => {
            let aside = free_name(path, now);
            std::fs::rename(path, &aside).map_err(|error| StoreError::Failed(error.to_string()))?;
            error!(
                reason,
                aside = %aside.display(),
                "the journal is corrupt and set aside: results without an answer are lost"
            );
            Store::open(path)
        }
        opened => opened,
    }
}

fn free_name(path: &Path, now: SystemTime) -> PathBuf {
    let name = format!("{FILE}.corrupt-{}", record::seconds(now));
    let taken = |path: &PathBuf| path.exists();
    let numbered = (1..).map(|number| path.with_file_name(format!("{name}-{number}")));
    std::iter::once(path.with_file_name(&name))
        .chain(numbered)
        .find(|path| !taken(path))
        .unwrap_or_else(|| path.with_file_name(name))
}
