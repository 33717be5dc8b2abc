//! The folder of a journal: whose it is, which files are in it, and what becomes of one
//! that is damaged.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::{error, info, warn};

use super::error::JournalError;
use super::format::{self, Condition, Scan};
use super::record::seconds;
use crate::storage::{owned_dir, path_error};

/// Says which process has the folder.
const LOCK: &str = "lock";
/// The file of worker versions before segments.
const FORMER: &str = "journal.redb";

const SEGMENT_BEGIN: &str = "journal-";
const SEGMENT_END: &str = ".log";

/// Returns the name of the file of a segment.
pub(super) fn segment_name(number: u64) -> String {
    format!("{SEGMENT_BEGIN}{number:010}{SEGMENT_END}")
}

fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(SEGMENT_BEGIN)?;
    number.strip_suffix(SEGMENT_END)?.parse().ok()
}

/// Locks the folder for this process, for as long as the file is open. The folder is
/// made if it does not exist, and refused if others can write to it.
pub(super) fn lock(folder: &Path) -> Result<File, JournalError> {
    let unusable = |error| {
        let (path, error) = path_error::split(error);
        let path = path.unwrap_or_else(|| folder.to_owned());
        JournalError::Folder { path, error }
    };
    owned_dir::create_dir_all(folder).map_err(unusable)?;
    owned_dir::check(folder).map_err(unusable)?;

    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(LOCK))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Whether this file is still the lock of the folder.
pub(super) fn is_locked_by(folder: &Path, lock: &File) -> bool {
    is_at(&folder.join(LOCK), lock)
}

/// Whether this is the file that has the path.
pub(super) fn is_at(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(ours)) = (path.symlink_metadata(), file.metadata()) else {
        return false;
    };
    (there.dev(), there.ino()) == (ours.dev(), ours.ino())
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

/// A segment that an earlier process left.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) bytes: Vec<u8>,
    pub(super) scan: Scan,
}

/// Lists the segments in a folder, by number.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(segment_number) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Fails if one of these files, or an older one beside them, has another format.
pub(super) fn check_versions(
    folder: &Path,
    segments: &[(u64, PathBuf)],
) -> Result<(), JournalError> {
    let former = folder.join(FORMER);
    if former.exists() {
        return Err(JournalError::OtherVersion {
            path: former,
            format: "redb".to_owned(),
        });
    }

    for (_, path) in segments {
        let header = read_header(path).map_err(|error| JournalError::Folder {
            path: path.clone(),
            error,
        })?;
        let version = format::version_of(&header);
        if let Some(version) = version.filter(|version| *version != format::VERSION) {
            return Err(JournalError::OtherVersion {
                path: path.clone(),
                format: format!("format {version}, not {}", format::VERSION),
            });
        }
    }
    Ok(())
}

fn read_header(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;

    let mut header = Vec::new();
    let file = File::open(path)?;
    file.take(format::HEADER as u64).read_to_end(&mut header)?;
    Ok(header)
}

/// Reads a segment.
pub(super) fn read_segment(number: u64, path: PathBuf) -> io::Result<Found> {
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let bytes = std::fs::read(&path)?;
    let scan = format::scan(&bytes);
    if let Condition::Torn { bytes } = scan.condition {
        info!(
            file = %path.display(),
            bytes,
            "the last record of the journal was not written completely, it is dropped"
        );
    }
    Ok(Found {
        number,
        path,
        file,
        bytes,
        scan,
    })
}

/// Keeps a copy of a damaged segment, for whoever wants to find out what happened.
pub(super) fn set_aside(path: &Path, now: SystemTime) -> io::Result<()> {
    let aside = free_name(path, now);
    std::fs::rename(path, &aside)?;
    error!(
        aside = %aside.display(),
        "the journal is damaged: the file is set aside, what could be read of it is kept, \
         results in the damaged part are lost"
    );
    Ok(())
}

fn free_name(path: &Path, now: SystemTime) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.corrupt-{}", seconds(now));
    let numbered = (1..).map(|number| path.with_file_name(format!("{name}-{number}")));
    std::iter::once(path.with_file_name(&name))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| path.with_file_name(name))
}

/// Warns if the folder is in memory, where a restart of the machine, or the end of the
/// container, loses it.
pub(super) fn warn_if_in_memory(folder: &Path) {
    if owned_dir::is_in_memory(folder) {
        warn!(
            folder = %folder.display(),
            "the journal is on a file system in memory: it survives the process, but neither \
             the machine nor the container (AXON_JOURNAL_DIR)"
        );
    }
}
