//! Why an object could not be moved, and what that means for the task.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::ObjectUri;
use crate::storage::{ResourceFault, path_error};
use crate::task::{ErrorCode, TaskError};

/// Why objects could not be read, written or listed. No variant holds a key of the
/// storage or a signed URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is no such object or bucket.
    #[error("{uri} does not exist")]
    NotFound {
        /// What was asked for.
        uri: ObjectUri,
    },
    /// The storage does not let us.
    #[error("access to {uri} is denied: {reason}")]
    Denied {
        /// What was asked for.
        uri: ObjectUri,
        /// What the storage said.
        reason: String,
    },
    /// The storage cannot be reached, is overloaded or broke off. Worth another try.
    #[error("the storage failed for {uri}: {reason}")]
    Unavailable {
        /// What was asked for.
        uri: ObjectUri,
        /// What happened.
        reason: String,
    },
    /// Not a byte moved for this long. Worth another try.
    #[error("the transfer of {uri} stood still for {} s", .after.as_secs())]
    Stalled {
        /// What was moved.
        uri: ObjectUri,
        /// How long.
        after: Duration,
    },
    /// The object was replaced while it was being read. Worth another try, from its beginning.
    #[error("{uri} was replaced while it was read")]
    Changed {
        /// What was read.
        uri: ObjectUri,
    },
    /// The object is not the one that was announced.
    #[error("{uri} is not what was announced: its {what} is {found}, expected {expected}")]
    Mismatch {
        /// What was read.
        uri: ObjectUri,
        /// `size` or `ETag`.
        what: &'static str,
        /// What was announced.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The storage refused the request, and would again.
    #[error("the storage refused {uri}: {reason}")]
    Refused {
        /// What was asked for.
        uri: ObjectUri,
        /// What the storage said.
        reason: String,
    },
    /// The key cannot be a file name, or the storage would take it for another.
    #[error("the key of {uri} cannot be used: {reason}")]
    UnsafeKey {
        /// The object.
        uri: ObjectUri,
        /// Why.
        reason: &'static str,
    },
    /// The text is no URI of an object.
    #[error("{text:?} is no object URI: {reason}")]
    InvalidUri {
        /// The text, or its beginning.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// A local file or folder cannot be used.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The task was called off.
    #[error("the transfer of {uri} was called off")]
    Cancelled {
        /// What was moved.
        uri: ObjectUri,
    },
    /// The settings do not make sense, or need a feature that is not compiled in.
    #[error("object storage cannot be used: {reason}")]
    Setup {
        /// Which setting, and why.
        reason: String,
    },
}

impl StorageError {
    /// Whether the same request may succeed in a moment.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Stalled { .. } | Self::Changed { .. }
        )
    }

    /// How a task ends that failed by this.
    ///
    /// A missing object and denied access are transient failures, as in the Python
    /// workers (1.0b4 and 1.0b20): the orchestrator may hand the task out again.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Mismatch { .. } => ErrorCode::IntegrityMismatch,
            Self::UnsafeKey { .. } | Self::InvalidUri { .. } => ErrorCode::InvalidInput,
            Self::Io { error, .. } if is_exhausted(error) => ErrorCode::ResourceExhausted,
            _ => ErrorCode::Transient,
        }
    }

    /// The end of a task that failed by this. (`?` makes every error transient.)
    pub fn to_task_error(&self) -> TaskError {
        TaskError::new(self.code(), self.to_string())
    }

    /// The resource of this machine that failed, if that is what happened.
    pub fn resource_fault(&self) -> Option<ResourceFault> {
        match self {
            Self::Io { error, .. } => ResourceFault::of(error),
            _ => None,
        }
    }

    /// If the error knows its path, that counts.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| {
            let (own, error) = path_error::split(error);
            let path = own.unwrap_or(path);
            Self::Io { path, error }
        }
    }

    pub(crate) fn unavailable(uri: &ObjectUri, reason: impl Into<String>) -> Self {
        Self::Unavailable {
            uri: uri.clone(),
            reason: reason.into(),
        }
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    use ResourceFault::{NoSpace, TooManyOpenFiles};
    let fault = ResourceFault::of(error);
    matches!(fault, Some(NoSpace | TooManyOpenFiles)) || error.kind() == io::ErrorKind::OutOfMemory
}
