//! Folders that belong to this user alone. What a process finds in them it trusts, and
//! what it writes into them is nobody else's business.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::path_error::at;

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
const GROUP_WRITES: u32 = 0o020;
const WORLD_WRITES: u32 = 0o002;
/// The user that can do everything anyway.
const ROOT: u32 = 0;

/// What a probe writes: enough to need room on the disk.
const PROBE: [u8; 4096] = [b'\n'; 4096];

/// Makes a folder if it does not exist, and checks that it is ours alone and that files
/// can be written into it, by writing one. Blocks.
///
/// Root may own it, and one of our groups may write into it: both are so in volumes of
/// Kubernetes with `fsGroup`, and in the home directories of many systems.
///
/// # Errors
/// Names the folder and the reason: it belongs to another user, others may write into it,
/// or it cannot be made or written to.
pub(crate) fn ensure(path: &Path) -> io::Result<()> {
    create_dir_all(path)?;
    // Who we are on this file system, which may know us by another name than the kernel.
    let us = probe(path)?;
    check_as(path, us)
}

/// Checks that a folder is ours alone, without writing into it.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn check(path: &Path) -> io::Result<()> {
    check_as(path, rustix::process::geteuid().as_raw())
}

fn check_as(path: &Path, us: u32) -> io::Result<()> {
    let is_of_others = |found: &fs::Metadata| ![us, ROOT].contains(&found.uid());

    let entry = fs::symlink_metadata(path).map_err(at(path))?;
    if entry.is_symlink() && is_of_others(&entry) {
        let text = format!("it is a link of another user (uid {})", entry.uid());
        return Err(at(path)(io::Error::new(ErrorKind::PermissionDenied, text)));
    }

    let folder = fs::metadata(path).map_err(at(path))?;
    let mode = folder.mode();
    let reason = if is_of_others(&folder) {
        format!("it belongs to another user (uid {})", folder.uid())
    } else if mode & WORLD_WRITES != 0 || (mode & GROUP_WRITES != 0 && !is_our_group(&folder)) {
        let mode = mode & 0o7777;
        format!("others may write into it (mode {mode:04o}, chmod go-w)")
    } else {
        return Ok(());
    };
    let text = format!("{reason}; a folder of its own inside would do");
    Err(at(path)(io::Error::new(ErrorKind::PermissionDenied, text)))
}

fn is_our_group(folder: &fs::Metadata) -> bool {
    let group = folder.gid();
    rustix::process::getegid().as_raw() == group
        || rustix::process::getgroups()
            .is_ok_and(|groups| groups.iter().any(|own| own.as_raw() == group))
}

/// Writes a file and removes it. Returns the user it belonged to.
fn probe(folder: &Path) -> io::Result<u32> {
    // In a container every process has the number of one that was killed.
    let path = folder.join(format!(".axon-probe-{:016x}", fastrand::u64(..)));
    let file = file_options().write(true).create_new(true).open(&path);
    let mut file = file.map_err(at(folder))?;
    let written = file.write_all(&PROBE).and_then(|()| file.metadata());
    let removed = fs::remove_file(&path);
    let owner = written.map_err(at(folder))?.uid();
    removed.map_err(at(&path))?;
    Ok(owner)
}

/// Makes one folder for this user alone, which does not exist yet.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().mode(FOLDER).create(path);
    made.map_err(at(path))
}

/// Makes a folder, and those on the way to it, for this user alone.
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().mode(FOLDER).recursive(true).create(path);
    made.map_err(at(path))
}

/// Returns options that make a file, where they make one, for this user alone.
pub(crate) fn file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Whether the file system of the folder is in memory.
#[cfg(all(feature = "journal", target_os = "linux"))]
pub(crate) fn is_in_memory(path: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    let of_type = |it: rustix::fs::StatFs| [TMPFS, RAMFS].contains(&it.f_type);
    rustix::fs::statfs(path).is_ok_and(of_type)
}

/// Whether the file system of the folder is in memory. Known on Linux only.
#[cfg(all(feature = "journal", not(target_os = "linux")))]
pub(crate) fn is_in_memory(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[track_caller]
    fn assert_refused(path: &Path, reason: &str) {
        let error = ensure(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        let told = error.to_string();
        let begins = format!("{}: ", path.display());
        assert!(told.starts_with(&begins) && told.contains(reason), "{told}");
    }

    #[test]
    fn a_folder_that_is_made_is_ours_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        ensure(&path).unwrap();
        assert_eq!((mode(&dir.path().join("a")), mode(&path)), (0o700, 0o700));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "the probe is gone");
        // One that others may read is none of our business.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        ensure(&path).unwrap();
        assert_eq!(mode(&path), 0o755);
    }

    #[test]
    fn a_folder_that_others_may_write_into_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for bits in [0o777, 0o1777, 0o702] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(bits)).unwrap();
            assert_refused(dir.path(), "others may write");
            // The way out that is told.
            ensure(&dir.path().join(format!("{bits:o}"))).unwrap();
        }
    }

    #[test]
    fn a_group_may_write_into_a_folder_if_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2770)).unwrap();
        ensure(dir.path()).unwrap();
        // Only root can give things away.
        if std::os::unix::fs::chown(dir.path(), None, Some(54_321)).is_ok() {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
            assert_refused(dir.path(), "others may write");
        }
    }

    #[test]
    fn a_folder_or_link_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        fs::create_dir(&theirs).unwrap();
        check(Path::new("/")).expect("what root has is no danger");
        // Only root can give things away.
        if std::os::unix::fs::chown(&theirs, Some(12_345), None).is_err() {
            return;
        }
        assert_refused(&theirs, "belongs to another user (uid 12345)");
        fs::create_dir(&ours).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        ensure(&link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
        assert_refused(&link, "link of another user");
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        for path in [dir.path().join("file"), dir.path().join("file/below")] {
            let error = ensure(&path).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{}: ", path.display())),
                "{error}"
            );
        }
    }
}
