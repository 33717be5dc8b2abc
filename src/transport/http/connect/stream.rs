//! A connection, plain or encrypted, that can say what is wrong with it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use super::secured::Secured;
use crate::transport::http::trouble::Trouble;

/// Bytes to and from an orchestrator.
#[derive(Debug)]
pub(in crate::transport::http) enum Stream {
    Plain {
        tcp: TcpStream,
        /// Whether anything has come in.
        has_begun: bool,
    },
    #[cfg(feature = "tls")]
    Secured(Box<Secured>),
}

impl Stream {
    pub(in crate::transport::http) fn plain(tcp: TcpStream) -> Self {
        Self::Plain {
            tcp,
            has_begun: false,
        }
    }

    /// What the other side said before it stopped to listen. In TLS 1.3 it looks at
    /// our certificate when the handshake is over for us, so that its refusal comes
    /// while we write.
    fn or_last_words(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        let mut space = [0; 512];
        match Pin::new(self).poll_read(cx, &mut ReadBuf::new(&mut space)) {
            Poll::Ready(Err(words)) if Trouble::of(&words).is_some() => words,
            _ => error,
        }
    }
}

/// Whether these first bytes are an alert of TLS, which some servers send to a client
/// that speaks plainly.
fn is_alert(first: &[u8]) -> bool {
    matches!(first, [0x15] | [0x15, 3, ..])
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, has_begun } => {
                let before = into.filled().len();
                ready!(Pin::new(tcp).poll_read(cx, into))?;
                let came = &into.filled()[before..];
                if !*has_begun && !came.is_empty() {
                    *has_begun = true;
                    if is_alert(came) {
                        return Poll::Ready(Err(Trouble::wrong_scheme(
                            "it answers in TLS: its address has to begin with https://",
                        )
                        .into()));
                    }
                }
                Poll::Ready(Ok(()))
            }
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Pin::new(&mut **secured).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match this {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Pin::new(&mut **secured).poll_write(cx, bytes),
        };
        outcome.map_err(|error| this.or_last_words(cx, error))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match this {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write_vectored(cx, parts),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Pin::new(&mut **secured).poll_write_vectored(cx, parts),
        };
        outcome.map_err(|error| this.or_last_words(cx, error))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain { tcp, .. } => tcp.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = match this {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Pin::new(&mut **secured).poll_flush(cx),
        };
        outcome.map_err(|error| this.or_last_words(cx, error))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Pin::new(&mut **secured).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_from_an_answer_by_its_first_bytes() {
        for alert in [&[0x15][..], &[0x15, 3, 1, 0, 2, 2, 70]] {
            assert!(is_alert(alert), "{alert:?}");
        }
        for other in [&b"HTTP/1.1 200"[..], &[0x15, b'x'], b""] {
            assert!(!is_alert(other), "{other:?}");
        }
    }
}
