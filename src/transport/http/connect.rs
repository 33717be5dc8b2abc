//! Clients of `awc` and their connections: from the connector of the whole worker, bounded
//! in time, and able to say what is wrong with them.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready};
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::{Uri, header};
use awc::{Client, Connector};
use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::RetryOnStale;
use super::error::TlsFault;
use super::tls::{TlsConfig, TlsSource};
use crate::net::Connect;

/// Common servers close idle connections after 5 s at the earliest. A request that meets
/// the closing of its connection may be lost, and one that must not be repeated goes over
/// no connection that has been idle for longer than this.
const IDLE: Duration = Duration::from_secs(4);

/// The others, heartbeats first of all, save themselves a new connection and its TLS
/// handshake: many servers and proxies are patient for a minute or more.
const LONG_IDLE: Duration = Duration::from_secs(55);

/// The limit of `awc` on what is limited here, and better explained. It is never reached.
const NEVER: Duration = Duration::from_hours(1);

const USER_AGENT: &str = concat!("axon-worker/", env!("CARGO_PKG_VERSION"));

/// The connections of an [`Http`](super::Http).
pub(super) struct Connections {
    dialer: Dialer,
    tls: Option<Arc<TlsSource>>,
    clients: RefCell<Rc<Clients>>,
}

/// Clients with a pool each: how long a connection may have been idle depends on whether
/// its request can be repeated.
pub(super) struct Clients {
    unrepeatable: Client,
    repeatable: Client,
    tls: Option<TlsConfig>,
}

impl Clients {
    fn new(dialer: &Dialer, tls: Option<TlsConfig>) -> Rc<Self> {
        Rc::new(Self {
            unrepeatable: dialer.client(IDLE, tls.as_ref()),
            repeatable: dialer.client(LONG_IDLE, tls.as_ref()),
            tls,
        })
    }

    pub(super) fn of(&self, retry: RetryOnStale) -> &Client {
        match retry {
            RetryOnStale::Never => &self.unrepeatable,
            RetryOnStale::Once => &self.repeatable,
        }
    }
}

impl Connections {
    /// A TLS handshake may take `handshake_within`; connections have the limits of [`Connect`].
    pub(super) fn new(handshake_within: Duration, tls: Option<Arc<TlsSource>>) -> Self {
        let dialer = Dialer {
            connect: Connect::from_env(),
            handshake_within,
            closed: Rc::default(),
        };
        let clients = Clients::new(&dialer, tls.as_ref().map(|tls| tls.loaded()));
        Self {
            dialer,
            tls,
            clients: RefCell::new(clients),
        }
    }

    /// Returns the clients for a request that is sent now: new ones, if the TLS files have
    /// changed.
    pub(super) async fn clients(&self) -> Rc<Clients> {
        if let Some(tls) = &self.tls {
            let config = Some(tls.current().await);
            let mut clients = self.clients.borrow_mut();
            if clients.tls != config {
                *clients = Clients::new(&self.dialer, config);
            }
        }
        Rc::clone(&self.clients.borrow())
    }

    /// Returns a client without idle connections.
    pub(super) async fn new_client(&self) -> Client {
        self.dialer.client(IDLE, self.clients().await.tls.as_ref())
    }

    /// Returns how many connections have been closed.
    pub(super) fn closed(&self) -> &Cell<usize> {
        &self.dialer.closed
    }
}

/// Opens connections for `awc`.
#[derive(Clone)]
struct Dialer {
    /// Nothing that it waits for is a local task, see [`parked`](super::parked).
    connect: Connect,
    handshake_within: Duration,
    closed: Rc<Cell<usize>>,
}

impl Dialer {
    #[cfg_attr(
        not(feature = "tls"),
        expect(unused_variables, reason = "there is none")
    )]
    fn client(&self, idle: Duration, tls: Option<&TlsConfig>) -> Client {
        let connector = Connector::new()
            .connector(self.clone())
            .timeout(NEVER)
            .handshake_timeout(self.handshake_within)
            .conn_keep_alive(idle)
            // No limit: open polls and sockets must never keep a heartbeat waiting. How
            // many requests there are is decided by the callers.
            .limit(0);
        #[cfg(feature = "tls")]
        let connector = match tls {
            Some(tls) => connector.rustls_0_23(tls.rustls()),
            None => connector,
        };
        Client::builder()
            .connector(connector)
            // Ours covers the body as well.
            .disable_timeout()
            // Most headers would go along to another host.
            .disable_redirects()
            .add_default_header((header::USER_AGENT, USER_AGENT))
            .finish()
    }
}

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, Stream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    actix_service::always_ready!();

    /// Errors come as those of a resolver, since `awc` does not tell the others from a TLS
    /// handshake that broke off.
    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let closed = Rc::clone(&self.closed);
        let connecting = tokio::time::timeout(Connect::TIMEOUT, self.connect.call(info));
        Box::pin(async move {
            let failed = |text: String| ConnectError::Resolver(text.into());
            let Ok(connected) = connecting.await else {
                let limit = Connect::TIMEOUT;
                return Err(failed(format!("no connection came about within {limit:?}")));
            };
            let connection = connected.map_err(|error| match error {
                ConnectError::Io(error) => failed(error.to_string()),
                other => failed(other.to_string()),
            })?;

            let (tcp, uri) = connection.into_parts();
            let stream = Stream {
                tcp,
                is_plain_and_new: !matches!(uri.scheme_str(), Some("https" | "wss")),
                write_error: None,
                closed,
            };
            Ok(Connection::new(super::tls::name_of(uri), stream))
        })
    }
}

/// Bytes to and from an orchestrator, below TLS if there is any.
#[derive(Debug)]
struct Stream {
    tcp: TcpStream,
    /// Whether TLS is not spoken here, and nothing has come in.
    is_plain_and_new: bool,
    /// Why nothing more goes out.
    write_error: Option<io::Error>,
    closed: Rc<Cell<usize>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.closed.set(self.closed.get() + 1);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = ready!(Pin::new(&mut this.tcp).poll_read(cx, into));
        let came = &into.filled()[before..];
        if came.is_empty()
            && let Some(error) = this.write_error.take()
        {
            return Poll::Ready(Err(error));
        }
        // Some servers send an alert of TLS to a client that speaks plainly.
        let is_first = std::mem::take(&mut this.is_plain_and_new);
        if is_first && matches!(came, [0x15] | [0x15, 3, ..]) {
            let text = "it answers in TLS: its address has to begin with https://";
            return Poll::Ready(Err(TlsFault::of_server(text).into()));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Stream {
    /// When the other side does not listen any more, pretends that it does: what it said
    /// before is read next, and tells why. It may be a status such as 413 that came before
    /// all of the request was sent, or in TLS 1.3 the refusal of our certificate, which it
    /// looks at when the handshake is over for us. If it said nothing, reading fails with
    /// the error that was kept back.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.write_error.is_none() {
            match ready!(Pin::new(&mut this.tcp).poll_write(cx, bytes)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(error) => this.write_error = Some(error),
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

impl ActixStream for Stream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.tcp, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.tcp, cx)
    }
}
