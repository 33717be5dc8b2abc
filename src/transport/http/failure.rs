//! Requests that got no answer: `awc`'s errors, which cannot leave their thread,
//! turned into ours at once.

use std::io;

use actix_http::error::ParseError;
use awc::error::{ConnectError, SendRequestError};

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

impl From<SendRequestError> for Failure {
    fn from(error: SendRequestError) -> Self {
        match error {
            // awc says this of a connection that ended while our request travelled.
            SendRequestError::Connect(ConnectError::Disconnected) => {
                Self::Closed("the connection closed before an answer".to_owned())
            }
            SendRequestError::Connect(ConnectError::Io(error)) if Trouble::of(&error).is_some() => {
                Self::of_io(&error)
            }
            SendRequestError::Connect(error) => Self::Other(TransportError::Unreachable {
                reason: error.to_string(),
            }),
            SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
                Self::of_io(&error)
            }
            SendRequestError::Response(ParseError::Incomplete) => {
                Self::Closed("the connection closed inside the head of the answer".to_owned())
            }
            SendRequestError::Response(error) => Self::Other(TransportError::Malformed {
                reason: format!("the head of the answer cannot be read: {error}"),
                task: None,
            }),
            other => Self::Other(TransportError::NoAnswer {
                reason: other.to_string(),
            }),
        }
    }
}

impl Failure {
    /// The connection broke, with or without a reason that will last.
    fn of_io(error: &io::Error) -> Self {
        match Trouble::of(error) {
            Some(trouble) => Self::Other(trouble.to_error()),
            None => Self::Closed(error.to_string()),
        }
    }
}
