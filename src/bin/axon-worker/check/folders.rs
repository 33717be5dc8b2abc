//! Folders of this machine: whether they can be written, how much room is left, whether
//! somebody else has them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use axon_worker::storage::{JournalError, check_journal};

use super::finding::{Notes, Opinion};

/// With less room the first large file may be the last.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;
/// With less room hardly anything can be written.
const NO_ROOM: u64 = 16 * 1024 * 1024;

/// The folder of the task folders, or of the cache.
pub(super) async fn payload(notes: &Notes, folder: PathBuf, variable: &'static str) {
    notes.look("writable");
    let at = folder.clone();
    let hint = format!("make it writable for the user of the worker, or set {variable}");
    // A file system may hang; the bound of the probe does not.
    let tried = tokio::task::spawn_blocking(move || try_to_write(&at)).await;
    let told = match tried {
        Ok(Ok(())) => Opinion::ok("files can be written and removed"),
        Ok(Err(error)) => Opinion::fail(format!("cannot be written: {error}"), hint),
        Err(error) => Opinion::fail(error.to_string(), hint),
    };
    if !notes.found(told) {
        return;
    }
    notes.look("free space");
    let free = tokio::task::spawn_blocking(move || free_space(&folder)).await;
    notes.found(match free {
        Ok(Ok(bytes)) => room(bytes, variable),
        Ok(Err(error)) => Opinion::warn(
            format!("cannot be found out: {error}"),
            "look yourself, for example with df",
        ),
        Err(error) => Opinion::warn(error.to_string(), "look yourself, for example with df"),
    });
}

/// The folder of the journal.
pub(super) async fn journal(notes: &Notes, folder: PathBuf) {
    notes.look("writable");
    let checked = tokio::task::spawn_blocking(move || {
        if folder.is_dir() {
            return check_journal(&folder);
        }
        // The worker will make it; it is not for us to leave one behind.
        try_to_write(&folder).map_err(|error| JournalError::Folder {
            path: folder,
            error,
        })
    });
    notes.found(match checked.await {
        Ok(Ok(())) => Opinion::ok("writable, and no other worker has it"),
        Ok(Err(error @ JournalError::InUse(_))) => Opinion::fail(
            error.to_string(),
            "if this very worker runs at the moment, all is well",
        ),
        Ok(Err(error)) => Opinion::fail(
            error.to_string(),
            "make it writable for the user of the worker, or set AXON_JOURNAL_DIR",
        ),
        Err(error) => Opinion::fail(error.to_string(), "try again"),
    });
}

/// One folder at a time: the journal is mostly in the folder of the task folders, and each
/// of two that try at once would leave the folder to the other that both of them made.
static TRIES: Mutex<()> = Mutex::new(());

/// Writes a file in a folder that is made if need be, and leaves no trace.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let _alone = TRIES.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|at| !at.as_os_str().is_empty() && !at.exists())
        .collect();
    let outcome = std::fs::create_dir_all(folder).and_then(|()| {
        let file = folder.join(format!(".axon-worker-check-{:032x}", fastrand::u128(..)));
        std::fs::write(&file, b"probe")?;
        std::fs::remove_file(&file)
    });
    for made in missing {
        // One in which somebody put something meanwhile stays.
        let _ = std::fs::remove_dir(made);
    }
    outcome
}

/// The bytes that this user may still write where the folder is or will be.
fn free_space(folder: &Path) -> io::Result<u64> {
    let there = folder.ancestors().find(|at| at.exists());
    let there = there.unwrap_or(Path::new("."));
    let system = rustix::fs::statvfs(there)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn room(bytes: u64, variable: &str) -> Opinion {
    let text = format!("{} free", human(bytes));
    let hint = format!("clear up, or set {variable} to a folder with more room");
    if bytes < NO_ROOM {
        Opinion::fail(text, hint)
    } else if bytes < LITTLE_ROOM {
        Opinion::warn(text, hint)
    } else {
        Opinion::ok(text)
    }
}

/// A size as people read it.
fn human(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units.into_iter().find(|(_, size)| bytes >= *size);
    let (name, size): (_, u64) = unit.unwrap_or(("bytes", 1));
    format!("{} {name}", bytes / size)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn little_room_is_odd_and_none_is_a_failure() {
        let of = |bytes| room(bytes, "X");
        assert_eq!(of(0).verdict, Verdict::Fail);
        assert_eq!(of(NO_ROOM).verdict, Verdict::Warn);
        assert_eq!(of(NO_ROOM).text, "16 MiB free");
        assert_eq!(of(5 * LITTLE_ROOM).text, "5 GiB free");
        assert_eq!(of(LITTLE_ROOM).verdict, Verdict::Ok);
        assert!(of(0).hint.unwrap().contains("set X"));
    }

    #[test]
    fn trying_a_folder_leaves_no_trace() {
        let root = tempfile::tempdir().unwrap();
        try_to_write(&root.path().join("a/b/c")).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        std::fs::write(root.path().join("file"), b"").unwrap();
        assert!(try_to_write(&root.path().join("file/below")).is_err());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        assert!(free_space(&root.path().join("a/b")).unwrap() > 0);
    }

    #[test]
    fn two_that_try_one_inside_the_other_leave_no_trace() {
        let root = tempfile::tempdir().unwrap();
        let outer = root.path().join("files");
        let inner = outer.join("journal");
        for _ in 0..200 {
            std::thread::scope(|scope| {
                scope.spawn(|| try_to_write(&outer).unwrap());
                scope.spawn(|| try_to_write(&inner).unwrap());
            });
            assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        }
    }
}
