//! Connections to one orchestrator, plain or with TLS. `awc` asks for them and keeps
//! those that are idle.
//!
//! `awc` could do the TLS itself, but only with certificates that never change, and
//! its errors say little about what is wrong with them. So it is told to speak
//! plainly, and gets streams that are encrypted already. It also leaves Nagle's
//! algorithm on, which makes a request in two pieces wait for the other side.

#[cfg(feature = "tls")]
mod secured;
mod stream;

use std::io;
use std::rc::Rc;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_service::Service;
use actix_tls::connect::{
    ConnectError, ConnectInfo, Connection, Connector, ConnectorService, Resolver,
};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;

pub(super) use stream::Stream;

#[cfg(feature = "tls")]
use super::tls::{TlsSource, explain};

/// Opens connections to one address, whatever address it is asked for.
#[derive(Clone)]
pub(super) struct Dialer {
    tcp: ConnectorService,
    target: Rc<Target>,
}

pub(super) struct Target {
    pub(super) base: Uri,
    /// How long a TCP connection may take to come about, and then a TLS handshake.
    pub(super) within: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<TlsSource>>,
}

impl Dialer {
    pub(super) fn new(target: Target) -> Self {
        Self {
            tcp: Connector::new(Resolver::default()).service(),
            target: Rc::new(target),
        }
    }
}

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, Stream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, _: ConnectInfo<Uri>) -> Self::Future {
        let connecting = self.tcp.call(ConnectInfo::new(self.target.base.clone()));
        let target = Rc::clone(&self.target);
        Box::pin(async move {
            let connection = in_time(target.within, "no connection came about", connecting).await?;
            let (tcp, connection) = connection.replace_io(());
            // Where it cannot be set, things are slower and nothing else.
            let _ = tcp.set_nodelay(true);
            let stream = target.secure(tcp).await?;
            Ok(connection.replace_io(stream).1)
        })
    }
}

impl Target {
    #[cfg(feature = "tls")]
    async fn secure(&self, tcp: TcpStream) -> Result<Stream, ConnectError> {
        let Some(tls) = &self.tls else {
            return Ok(Stream::plain(tcp));
        };
        let host = self.base.host().unwrap_or_default();
        // The brackets belong to the address, not to the name.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = rustls::pki_types::ServerName::try_from(name.to_owned()).map_err(|_| {
            failed(&format!(
                "TLS needs a host name or an address, not {host:?}"
            ))
        })?;
        let config = tls.current().await;
        let connector = tokio_rustls::TlsConnector::from(config);
        let handshake = async {
            let connected = connector.connect(name, tcp).await;
            connected.map_err(ConnectError::Io)
        };
        let slow = "the TLS handshake did not end";
        match in_time(self.within, slow, handshake).await {
            Ok(stream) => {
                let secured = secured::Secured::new(stream, tls.has_identity());
                Ok(Stream::Secured(Box::new(secured)))
            }
            Err(ConnectError::Io(error)) => {
                let error = explain::in_handshake(error, host, tls.has_identity());
                Err(ConnectError::Io(error))
            }
            Err(error) => Err(error),
        }
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS it waits")]
    async fn secure(&self, tcp: TcpStream) -> Result<Stream, ConnectError> {
        Ok(Stream::plain(tcp))
    }
}

async fn in_time<T>(
    within: Duration,
    otherwise: &str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let ended = tokio::time::timeout(within, work).await;
    ended.unwrap_or_else(|_| Err(failed(&format!("{otherwise} within {within:?}"))))
}

fn failed(text: &str) -> ConnectError {
    ConnectError::Io(io::Error::other(text))
}
