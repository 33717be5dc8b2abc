//! Folders of this machine: whether they can be written, how much room is left, whether
//! somebody else has them.

use std::io;
use std::path::{Path, PathBuf};

use axon_worker::storage::{JournalError, check_journal};
use rustix::fs::Access;

use super::finding::{Notes, Opinion};

/// With less room the first large file may be the last.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;
/// With less room hardly anything can be written.
const NO_ROOM: u64 = 16 * 1024 * 1024;

/// The folder of the task folders, or of the cache.
pub(super) async fn payload(notes: &Notes, folder: PathBuf, variable: &'static str) {
    notes.look("writable");
    let at = folder.clone();
    // A file system may hang; the bound of the probe does not.
    let tried = tokio::task::spawn_blocking(move || {
        if at.exists() {
            Tried::Written(try_to_write(&at))
        } else {
            Tried::Missing(can_be_made(&at))
        }
    });
    let hint = format!("make it writable for the user of the worker, or set {variable}");
    let told = match tried.await {
        Ok(Tried::Written(Ok(()))) => Opinion::ok("files can be written and removed"),
        Ok(Tried::Written(Err(error))) => Opinion::fail("cannot be written: ", hint).with(error),
        Ok(Tried::Missing(Ok(parent))) => Opinion::warn(
            format!("it is missing; the worker makes it in {}", parent.display()),
            format!("make it for the user of the worker, or set {variable}"),
        ),
        Ok(Tried::Missing(Err((parent, error)))) => {
            let parent = parent.display();
            let text = format!("it is missing, and cannot be made in {parent}: ");
            Opinion::fail(text, hint).with(error)
        }
        Err(error) => Opinion::fail("", hint).with(error),
    };
    if !notes.found(told) {
        return;
    }
    notes.look("free space");
    let free = tokio::task::spawn_blocking(move || free_space(&folder)).await;
    notes.found(match free {
        Ok(Ok(bytes)) => room(bytes, variable),
        Ok(Err(error)) => Opinion::warn(
            "cannot be found out: ",
            "look yourself, for example with df",
        )
        .with(error),
        Err(error) => Opinion::warn("", "look yourself, for example with df").with(error),
    });
}

/// The folder of the journal.
pub(super) async fn journal(notes: &Notes, folder: PathBuf) {
    notes.look("writable");
    let checked = tokio::task::spawn_blocking(move || {
        if folder.exists() {
            return check_journal(&folder).map(|()| None);
        }
        // The worker makes it at its first start; it is not for us to leave one behind.
        can_be_made(&folder)
            .map(Some)
            .map_err(|(path, error)| JournalError::Folder { path, error })
    });
    notes.found(match checked.await {
        Ok(Ok(None)) => Opinion::ok("writable, and no other worker has it"),
        Ok(Ok(Some(parent))) => Opinion::ok(format!(
            "it is missing; the worker makes it in {}",
            parent.display()
        )),
        Ok(Err(error @ JournalError::InUse(_))) => {
            Opinion::fail("", "if this very worker runs at the moment, all is well").with(error)
        }
        Ok(Err(error)) => Opinion::fail(
            "",
            "make it writable for the user of the worker, or set AXON_JOURNAL_DIR",
        )
        .with(error),
        Err(error) => Opinion::fail("", "try again").with(error),
    });
}

/// What came of looking at a folder.
enum Tried {
    Written(io::Result<()>),
    /// Where it would be made, or why it cannot be.
    Missing(Result<PathBuf, (PathBuf, io::Error)>),
}

/// Writes a file in a folder, and removes it again.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".axon-worker-check-{:032x}", fastrand::u128(..)));
    std::fs::write(&file, b"probe")?;
    std::fs::remove_file(&file)
}

/// Returns the folder in which a missing one would be made, if that may be done. Nothing is
/// made: whoever runs the check may be another than the user of the worker, who then could not
/// write there.
fn can_be_made(folder: &Path) -> Result<PathBuf, (PathBuf, io::Error)> {
    let named = folder.ancestors().filter(|at| !at.as_os_str().is_empty());
    let there = named.skip(1).find(|at| at.exists());
    let there = there.unwrap_or(Path::new(".")).to_owned();
    if !there.is_dir() {
        return Err((there, io::ErrorKind::NotADirectory.into()));
    }
    match rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Ok(there),
        Err(error) => Err((there, error.into())),
    }
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
    fn looking_at_folders_leaves_no_trace() {
        let root = tempfile::tempdir().unwrap();
        let entries = || std::fs::read_dir(root.path()).unwrap().count();
        try_to_write(root.path()).unwrap();
        let missing = root.path().join("a/b/c");
        assert_eq!(can_be_made(&missing).unwrap(), root.path());
        assert!(try_to_write(&missing).is_err());
        assert_eq!(entries(), 0);

        std::fs::write(root.path().join("file"), b"").unwrap();
        let (at, error) = can_be_made(&root.path().join("file/below")).unwrap_err();
        assert_eq!(at, root.path().join("file"));
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert!(free_space(&root.path().join("a/b")).unwrap() > 0);
        assert_eq!(entries(), 1);
    }
}
