//! Failures of this machine, as opposed to those of a task or of an object storage.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::path_error::innermost;

/// A resource of this machine that fails: the next task that needs it will fare no better,
/// whereas another worker might.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceFault {
    /// The disk, or what we may use of it, is full.
    NoSpace,
    /// The file system takes no changes.
    ReadOnly,
    /// The folder is not ours to use.
    NoPermission,
    /// The process or the machine has too many files open.
    TooManyOpenFiles,
    /// The disk itself fails.
    DiskError,
}

impl ResourceFault {
    /// The resource that an error of a file is about, if it is about one.
    pub fn of(error: &io::Error) -> Option<Self> {
        let error = innermost(error);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Self::NoSpace),
            io::ErrorKind::ReadOnlyFilesystem => Some(Self::ReadOnly),
            io::ErrorKind::PermissionDenied => Some(Self::NoPermission),
            _ => match Errno::from_io_error(error)? {
                Errno::MFILE | Errno::NFILE => Some(Self::TooManyOpenFiles),
                Errno::IO => Some(Self::DiskError),
                _ => None,
            },
        }
    }
}

impl fmt::Display for ResourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpace => "no space is left",
            Self::ReadOnly => "the file system is read-only",
            Self::NoPermission => "permission is denied",
            Self::TooManyOpenFiles => "too many files are open",
            Self::DiskError => "the disk fails",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::storage::path_error::at;

    #[test]
    fn errors_of_resources_are_told_from_those_of_tasks() {
        for (errno, fault) in [
            (Errno::NOSPC, Some(ResourceFault::NoSpace)),
            (Errno::DQUOT, Some(ResourceFault::NoSpace)),
            (Errno::ROFS, Some(ResourceFault::ReadOnly)),
            (Errno::ACCESS, Some(ResourceFault::NoPermission)),
            (Errno::PERM, Some(ResourceFault::NoPermission)),
            (Errno::MFILE, Some(ResourceFault::TooManyOpenFiles)),
            (Errno::IO, Some(ResourceFault::DiskError)),
            (Errno::NOENT, None),
            (Errno::EXIST, None),
            (Errno::NAMETOOLONG, None),
        ] {
            let error = io::Error::from(errno);
            assert_eq!(ResourceFault::of(&error), fault, "{error}");
            let error = at(Path::new("/a"))(error);
            assert_eq!(ResourceFault::of(&error), fault, "{error}");
        }
        assert_eq!(ResourceFault::of(&io::Error::other("x")), None);
    }
}
