//! Folders that nobody else may write to.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Creates a folder, and those above it, for this user alone. What exists is left as it is.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Fails if somebody else owns the folder, or can write to it.
///
/// Root may own it, since root can do everything anyway. The group may write if it is
/// that of this process, as in the home directories of many systems.
pub(crate) fn check_dir(path: &Path) -> io::Result<()> {
    check_owner(path)?;
    let metadata = path.metadata()?;
    let mode = metadata.mode();
    let is_own_group = metadata.gid() == rustix::process::getegid().as_raw();
    if mode & 0o002 != 0 || (mode & 0o020 != 0 && !is_own_group) {
        return Err(refused(
            path,
            &format!("others can write to it (mode {:o})", mode & 0o7777),
        ));
    }
    Ok(())
}

/// Fails if the folder belongs to another user than this process and root.
pub(crate) fn check_owner(path: &Path) -> io::Result<()> {
    let owner = path.metadata()?.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(refused(
            path,
            &format!("it belongs to another user (uid {owner})"),
        ));
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> io::Error {
    let text = format!("{} is not used: {why}", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Whether the file system of the folder is in memory.
#[cfg(all(feature = "journal", target_os = "linux"))]
pub(crate) fn is_in_memory(path: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    let of_type = |it: rustix::fs::StatFs| [TMPFS, RAMFS].contains(&i64::from(it.f_type));
    rustix::fs::statfs(path).is_ok_and(of_type)
}

/// Whether the file system of the folder is in memory. Known on Linux only.
#[cfg(all(feature = "journal", not(target_os = "linux")))]
pub(crate) fn is_in_memory(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("it is there").mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_for_this_user_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("a/b");
        create_dir(&inner).expect("it is made");
        create_dir(&inner).expect("it is there");
        check_dir(&inner).expect("it is ours");
        assert_eq!((mode(&root.path().join("a")), mode(&inner)), (0o700, 0o700));
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_with_its_path() {
        let root = tempfile::tempdir().expect("a folder");
        for (mode, is_refused) in [(0o755, false), (0o700, false), (0o777, true), (0o702, true)] {
            std::fs::set_permissions(root.path(), Permissions::from_mode(mode)).expect("ours");
            let checked = check_dir(root.path());
            assert_eq!(checked.is_err(), is_refused, "{mode:o}");
            if let Err(error) = checked {
                assert!(
                    error
                        .to_string()
                        .contains(&root.path().display().to_string())
                );
            }
        }
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let other = rustix::fs::Uid::from_raw(12_345);
        // Only root can give a folder away.
        if rustix::fs::chown(root.path(), Some(other), None).is_ok() {
            let error = check_owner(root.path()).expect_err("it is not ours");
            assert!(error.to_string().contains("uid 12345"), "{error}");
        }
        check_owner(Path::new("/")).expect("what root has is no danger");
    }
}
