//! Requests without a response: `awc`'s errors, which cannot leave their thread, turned
//! into ours at once.

use std::io;
use std::time::Duration;

use actix_http::error::ParseError;
use awc::error::{ConnectError, SendRequestError};

use crate::transport::TransportError;

/// Why a request got no response.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The connection was there and went away before the response.
    Closed(String),
    /// Nothing came within this time.
    Late(Duration),
    /// Anything else.
    Other(TransportError),
}

impl From<SendError> for TransportError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed(reason) => Self::NoAnswer { reason },
            SendError::Late(within) => Self::NoAnswer {
                reason: format!("nothing came within {within:?}"),
            },
            SendError::Other(error) => error,
        }
    }
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        Self::Other(error)
    }
}

impl SendError {
    pub(super) fn new(error: SendRequestError, peer: &Peer) -> Self {
        Self::Other(match error {
            // `awc` says this of a connection that ended while the request travelled.
            SendRequestError::Connect(ConnectError::Disconnected) => {
                return Self::Closed("the connection closed before an answer".to_owned());
            }
            SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
                let error = peer.explain(error);
                match TlsFault::of(&error) {
                    Some(fault) => fault.to_error(),
                    None => return Self::Closed(error.to_string()),
                }
            }
            SendRequestError::Connect(error) => unreachable(error, peer),
            SendRequestError::Response(error) => TransportError::Malformed {
                reason: format!("the head of the answer cannot be read: {error}"),
                task: None,
            },
            error @ (SendRequestError::Url(_) | SendRequestError::Http(_)) => {
                let reason = format!("the request cannot be written: {error}");
                TransportError::Refused { reason }
            }
            other => TransportError::NoAnswer {
                reason: other.to_string(),
            },
        })
    }
}

/// No connection came about. Errors of TCP come as those of a resolver, see
/// [`connect`](super::connect).
fn unreachable(error: ConnectError, peer: &Peer) -> TransportError {
    let reason = match error {
        ConnectError::Resolver(error) => error.to_string(),
        ConnectError::Timeout => {
            let within = peer.handshake_within;
            format!("the TLS handshake did not end within {within:?}")
        }
        ConnectError::Io(error) => {
            let error = peer.explain_handshake(error);
            match TlsFault::of(&error) {
                Some(fault) => return fault.to_error(),
                None => error.to_string(),
            }
        }
        other => other.to_string(),
    };
    TransportError::Unreachable { reason }
}

/// The other side of all connections, as far as it explains their errors.
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "they explain errors of TLS")
)]
pub(super) struct Peer {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) is_secure: bool,
    /// Whether we have a certificate to show.
    pub(super) has_identity: bool,
    pub(super) handshake_within: Duration,
}

#[cfg_attr(
    not(feature = "tls"),
    expect(clippy::unused_self, reason = "only TLS is explained")
)]
impl Peer {
    /// Says what an error of a TLS handshake means.
    fn explain_handshake(&self, error: io::Error) -> io::Error {
        #[cfg(feature = "tls")]
        if self.is_secure {
            return super::tls::explain::in_handshake(error, &self.host, self.has_identity);
        }
        error
    }

    /// Says what an error of an open connection means.
    pub(super) fn explain(&self, error: io::Error) -> io::Error {
        #[cfg(feature = "tls")]
        if self.is_secure {
            return super::tls::explain::afterwards(error, self.has_identity);
        }
        error
    }
}

/// What is wrong with TLS until somebody changes something, in words that somebody can act
/// on. Travels inside an `io::Error` through `awc`.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct TlsFault {
    pub(super) text: String,
    /// Whether the server does not accept our certificate, or misses one.
    pub(super) is_our_identity: bool,
}

impl TlsFault {
    /// The server's TLS cannot be trusted or used, or only one side speaks TLS.
    pub(super) fn of_server(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_our_identity: false,
        }
    }

    /// Returns the fault in an error, if it is one.
    fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn to_error(&self) -> TransportError {
        let reason = self.text.clone();
        if self.is_our_identity {
            TransportError::Unauthorized { reason }
        } else {
            TransportError::Unreachable { reason }
        }
    }
}

impl From<TlsFault> for io::Error {
    fn from(fault: TlsFault) -> Self {
        Self::other(fault)
    }
}
