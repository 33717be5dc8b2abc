//! Making room.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::UNTOUCHED;
use super::give::SPARE;

/// Where unfinished files are.
pub(super) const DRAFTS: &str = "drafts";

/// Nobody writes to an unfinished file that did not change for so long.
const ABANDONED: Duration = Duration::from_hours(1);

struct Kept {
    path: PathBuf,
    size: u64,
    used: SystemTime,
    is_spare: bool,
    is_new: bool,
    /// A task has another name of it: removing ours would free nothing.
    is_linked: bool,
}

/// Removes what was not used for longest until the rest is small enough. `new` stays.
/// A task that has a file of the cache has it by a name or a copy of its own, so nothing
/// is taken from it.
pub(super) fn make(root: &Path, most: u64, new: &str) -> io::Result<()> {
    sweep(root);
    sweep(&root.join(DRAFTS));
    let mut kept = Vec::new();
    let mut names = HashSet::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else {
            continue;
        };
        if !metadata.is_file() || name.starts_with('.') {
            continue;
        }
        names.insert(name.clone());
        kept.push(Kept {
            path: entry.path(),
            size: metadata.len(),
            used: metadata.accessed()?,
            is_spare: name.ends_with(SPARE),
            is_new: name == new,
            is_linked: metadata.nlink() > 1,
        });
    }
    let mut sum: u64 = kept.iter().map(|file| file.size).sum();
    // Spares first, then by time; of files that were used at once, the larger.
    kept.sort_by_key(|file| (!file.is_spare, file.used, u64::MAX - file.size));
    for file in kept {
        let stem = file.path.file_stem().and_then(|stem| stem.to_str());
        let is_orphan = file.is_spare && !stem.is_some_and(|stem| names.contains(stem));
        if sum <= most && !is_orphan {
            continue;
        }
        if file.is_new || file.is_linked {
            continue;
        }
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => sum -= file.size,
        }
    }
    Ok(())
}

/// A file that is just being taken in has the time of a kept one already; when that
/// happened is its time of access.
fn last_change(metadata: &fs::Metadata) -> io::Result<SystemTime> {
    match metadata.modified()? {
        time if time == UNIX_EPOCH + UNTOUCHED => metadata.accessed(),
        time => Ok(time),
    }
}

/// Removes unfinished files of processes that are gone.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let is_draft = |path: &Path| {
        folder.ends_with(DRAFTS) || path.extension().is_some_and(|ending| ending == "part")
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let changed = entry.metadata().and_then(|metadata| last_change(&metadata));
        let is_old = changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED));
        if is_draft(&path) && is_old {
            let _ = fs::remove_file(path);
        }
    }
}
