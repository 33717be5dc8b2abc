//! What is wrong between us and a server, in words that somebody can act on. Travels
//! inside an `io::Error` through streams and codecs.

use std::io;

use crate::transport::TransportError;

/// A trouble that goes on until somebody changes something.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Trouble {
    text: String,
    /// Whether the server does not accept our certificate, or misses one.
    is_our_identity: bool,
}

impl Trouble {
    /// TLS where plain HTTP is spoken, or the reverse.
    pub(super) fn wrong_scheme(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_our_identity: false,
        }
    }

    /// The server's TLS cannot be trusted or used.
    #[cfg(feature = "tls")]
    pub(super) fn with_server(text: String) -> Self {
        Self {
            text,
            is_our_identity: false,
        }
    }

    /// The server does not accept our certificate, or misses one.
    #[cfg(feature = "tls")]
    pub(super) fn with_us(text: String) -> Self {
        Self {
            text,
            is_our_identity: true,
        }
    }

    /// The trouble in an error, if it is one.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    pub(super) fn to_error(&self) -> TransportError {
        let reason = self.text.clone();
        if self.is_our_identity {
            TransportError::Unauthorized { reason }
        } else {
            TransportError::Unreachable { reason }
        }
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::other(trouble)
    }
}
