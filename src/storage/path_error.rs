//! Errors of files that say which file.

use std::io;
use std::path::{Path, PathBuf};

/// What an [`io::Error`] holds that knows its path.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", .path.display())]
struct PathError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// Adds the path to an error that has none yet. Its kind stays what it is.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        if path_error(&error).is_some() {
            return error;
        }
        let path = path.to_owned();
        io::Error::new(error.kind(), PathError { path, error })
    }
}

/// The path of an error, if it knows it, and the error without it.
pub(crate) fn split(error: io::Error) -> (Option<PathBuf>, io::Error) {
    match error.downcast::<PathError>() {
        Ok(PathError { path, error }) => (Some(path), error),
        Err(error) => (None, error),
    }
}

/// The error as the system gave it, for its number.
pub(super) fn innermost(error: &io::Error) -> &io::Error {
    path_error(error).map_or(error, |inner| &inner.error)
}

fn path_error(error: &io::Error) -> Option<&PathError> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_once_and_the_kind_stays() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = at(Path::new("/outer"))(at(Path::new("/a/b"))(denied));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "/a/b: permission denied");
        let task_error = crate::TaskError::from(error);
        assert_eq!(task_error.message(), "/a/b: permission denied");
    }
}
