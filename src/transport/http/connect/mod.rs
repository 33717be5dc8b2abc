//! Connections to one orchestrator, plain or with TLS. Certificates may change while the
//! worker runs, and what is wrong with them is said in words that help.

#[cfg(feature = "tls")]
mod secured;
mod stream;

use std::io;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use actix_http::Uri;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

pub(super) use stream::Stream;

use super::failure::Failure;
#[cfg(feature = "tls")]
use super::tls::{TlsSource, explain};

/// So many connections are opened at a time. The line of those that a server has not
/// accepted yet is often 128 long (Python's `asyncio`, Rust's `std`); one that finds it
/// full is tried again after a second at the earliest.
const AT_A_TIME: usize = 32;

/// Where connections go, and how long they may take.
pub(super) struct Target {
    base: Uri,
    within: Duration,
    turns: Semaphore,
    #[cfg(feature = "tls")]
    tls: Option<Arc<TlsSource>>,
}

impl Target {
    /// A TCP connection may take this long to come about, and then a TLS handshake.
    pub(super) fn new(
        base: Uri,
        within: Duration,
        #[cfg(feature = "tls")] tls: Option<Arc<TlsSource>>,
    ) -> Self {
        Self {
            base,
            within,
            turns: Semaphore::new(AT_A_TIME),
            #[cfg(feature = "tls")]
            tls,
        }
    }

    pub(super) fn base(&self) -> &Uri {
        &self.base
    }

    /// Opens a connection.
    pub(super) async fn dial(&self) -> Result<Stream, Failure> {
        let turn = self.turns.acquire().await;
        let connecting = TcpStream::connect((self.host(), self.port()));
        let tcp = in_time(self.within, "no connection came about", connecting).await;
        drop(turn);
        let tcp = tcp.map_err(|error| Failure::unreachable(&error))?;
        // Nagle's algorithm makes a request in two pieces wait for the other side. Where
        // it cannot be turned off, things are slower and nothing else.
        let _ = tcp.set_nodelay(true);
        let secured = self.secure(tcp).await;
        secured.map_err(|error| Failure::unreachable(&error))
    }

    /// Without the brackets of an IPv6 address, which belong to the URL.
    fn host(&self) -> &str {
        let host = self.base.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn port(&self) -> u16 {
        let usual = match self.base.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        self.base.port_u16().unwrap_or(usual)
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, tcp: TcpStream) -> io::Result<Stream> {
        let Some(tls) = &self.tls else {
            return Ok(Stream::plain(tcp));
        };
        let host = self.host();
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(|_| {
            let reason = format!("TLS needs a host name or an address, not {host:?}");
            io::Error::other(reason)
        })?;
        let config = tls.current().await;
        let connector = tokio_rustls::TlsConnector::from(config);
        let handshake = async {
            let connected = connector.connect(name, tcp).await;
            connected.map_err(|error| explain::in_handshake(error, host, tls.has_identity()))
        };
        let slow = "the TLS handshake did not end";
        let stream = in_time(self.within, slow, handshake).await?;
        let secured = secured::Secured::new(stream, tls.has_identity());
        Ok(Stream::Secured(Box::new(secured)))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS it waits")]
    async fn secure(&self, tcp: TcpStream) -> io::Result<Stream> {
        Ok(Stream::plain(tcp))
    }
}

async fn in_time<T>(
    within: Duration,
    otherwise: &str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let ended = tokio::time::timeout(within, work).await;
    let late = |_| Err(io::Error::other(format!("{otherwise} within {within:?}")));
    ended.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_one_of_the_address_or_the_usual_one() {
        for (base, host, port) in [
            ("http://a", "a", 80),
            ("https://a", "a", 443),
            ("https://a:8", "a", 8),
            ("http://[::1]:9", "::1", 9),
        ] {
            let target = Target::new(
                base.parse().unwrap(),
                Duration::ZERO,
                #[cfg(feature = "tls")]
                None,
            );
            assert_eq!((target.host(), target.port()), (host, port), "{base}");
        }
    }
}
