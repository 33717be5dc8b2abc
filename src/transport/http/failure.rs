//! Requests that got no answer: `awc`'s errors, which cannot leave their thread,
//! turned into ours at once.

use std::io;

use actix_http::error::ParseError;
use awc::error::{ConnectError, SendRequestError};

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
            SendRequestError::Connect(ConnectError::Io(error)) if is_refused_identity(&error) => {
                Self::unauthorized(&error)
            }
            SendRequestError::Connect(error) => Self::Other(TransportError::Unreachable {
                reason: error.to_string(),
            }),
            SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
                if is_refused_identity(&error) {
                    Self::unauthorized(&error)
                } else {
                    Self::Closed(error.to_string())
                }
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
    fn unauthorized(error: &io::Error) -> Self {
        Self::Other(TransportError::Unauthorized {
            reason: error.to_string(),
        })
    }
}

/// Whether the server's TLS did not like our certificate. In TLS 1.3 this comes
/// after the handshake, as an error of the first read.
#[cfg(feature = "tls")]
fn is_refused_identity(error: &io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
        ))
    )
}

#[cfg(not(feature = "tls"))]
fn is_refused_identity(_: &io::Error) -> bool {
    false
}
