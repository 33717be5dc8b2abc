//! The removal of folders in which others than the worker have written.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the owner of a folder needs to empty it.
const OWN: u32 = 0o700;

/// Removes a folder with everything in it, also where its folders were made read-only, as
/// tools do that build or unpack things. Links are removed, not followed.
pub(super) fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(folder)?;
            fs::remove_dir_all(folder)
        }
        done => done,
    }
}

/// Gives the owner all rights in a folder and those below it.
fn make_writable(folder: &Path) -> io::Result<()> {
    let mut left: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        unlock(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Gives the owner all rights in this folder alone.
pub(super) fn unlock(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.permissions().mode();
    if mode & OWN != OWN {
        fs::set_permissions(folder, Permissions::from_mode(mode | OWN))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Whether it is needed shows only where the owner is bound by permissions, which the
    /// superuser of the tests is not; see `tests/programs/ends.rs`.
    #[test]
    fn folders_are_made_writable_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        let inside = root.path().join("inside");
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "kept").unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("a/link")).unwrap();
        for folder in [&outside, &inside.join("a/b"), &inside.join("a")] {
            fs::set_permissions(folder, Permissions::from_mode(0o500)).unwrap();
        }
        make_writable(&inside).unwrap();
        assert_eq!(mode(&inside.join("a")), 0o700);
        assert_eq!(mode(&inside.join("a/b")), 0o700);
        assert_eq!(mode(&outside), 0o500);
        remove_all(&inside).unwrap();
        assert!(!inside.exists() && outside.join("file").exists());
        fs::set_permissions(&outside, Permissions::from_mode(0o700)).unwrap();
    }
}
