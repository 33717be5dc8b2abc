//! Why a request got no answer.

use std::io;

use super::head::BadHead;
use super::trouble::Trouble;
use crate::transport::TransportError;

/// Why there is no response head.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection was there and went away before the answer.
    Closed(String),
    /// Anything else.
    Other(TransportError),
}

impl From<Failure> for TransportError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Closed(reason) => Self::NoAnswer { reason },
            Failure::Other(error) => error,
        }
    }
}

impl Failure {
    /// No connection came about.
    pub(super) fn unreachable(error: &io::Error) -> Self {
        Self::Other(match Trouble::of(error) {
            Some(trouble) => trouble.to_error(),
            None => TransportError::Unreachable {
                reason: error.to_string(),
            },
        })
    }

    /// The connection broke, with or without a reason that will last.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match Trouble::of(error) {
            Some(trouble) => Self::Other(trouble.to_error()),
            None => Self::Closed(error.to_string()),
        }
    }

    /// The connection was closed, perhaps before there was anything of an answer.
    pub(super) fn ended(before_answer: bool) -> Self {
        Self::Closed(if before_answer {
            "the connection closed before an answer".to_owned()
        } else {
            "the connection closed inside the head of the answer".to_owned()
        })
    }

    /// What came is not the head of an answer.
    pub(super) fn unreadable(error: &BadHead) -> Self {
        Self::Other(TransportError::Malformed {
            reason: format!("the head of the answer cannot be read: {error}"),
            task: None,
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of_io(&error)
    }
}
