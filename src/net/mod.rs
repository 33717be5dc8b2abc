//! TCP connections for the HTTP clients: the connector service that awc lays TLS and HTTP
//! over, and the proxy rules that all clients of the worker share.
//!
//! awc's own connector looks a name up and tries the addresses one after the other, all of
//! it within one limit, and knows no proxies. [`Connect`] differs in this:
//!
//! - A lookup has a limit of its own and outlives the attempt that began it; the next
//!   attempt joins it. See [`lookup`].
//! - Addresses race as RFC 8305 says, so that a dead one costs 250 ms. See [`race`].
//! - `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are obeyed. See [`ProxyRules`]
//!   and [`tunnel`].
//! - Its errors name the addresses that were tried, or the proxy.
//!
//! ```ignore
//! let connector = awc::Connector::new()
//!     .connector(Connect::from_env())
//!     .timeout(Connect::TIMEOUT)
//!     .rustls_0_23(config);
//! ```

mod error;
mod lookup;
mod proxy;
mod race;
#[cfg(any(feature = "s3", feature = "otlp"))]
mod reqwest;
mod target;
#[cfg(test)]
mod tests;
mod tunnel;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Uri;
use actix_service::{Service, always_ready};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

pub use error::{Attempts, NetError};
pub use proxy::{Proxy, ProxyRoute, ProxyRules};

use lookup::{Lookups, Resolve, SystemResolver};
use target::Target;

#[cfg(fuzzing)]
pub(crate) use proxy::no_proxy_matches;
#[cfg(fuzzing)]
pub(crate) use tunnel::read_head;

/// The limit of the TCP connections to the addresses of one host, all of them together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The most connections that are being opened at a time. The accept queue of a server is
/// often 128 long (Python's `asyncio`, Rust's `std`); a connection that finds it full is
/// tried again after a second at the earliest.
const AT_A_TIME: usize = 32;

/// The connector service of awc clients. Clones share their lookups and the limit of
/// connections that are being opened, so one orchestrator should have one, and each client
/// of it a clone.
///
/// Every failure is a [`ConnectError::Io`] that holds a [`NetError`].
#[derive(Clone)]
pub(crate) struct Connect(Arc<Shared>);

struct Shared {
    rules: Arc<ProxyRules>,
    lookups: Lookups,
    turns: Semaphore,
}

impl Connect {
    /// The longest that a connection takes: the limits of lookup, connection and tunnel,
    /// one after the other, and a second so that theirs end first.
    ///
    /// awc's `Connector` has a limit of its own round this service, of 5 s unless
    /// [`awc::Connector::timeout`] is given this; it knows neither host nor addresses, and
    /// would end a lookup that goes on. The limit of a request, which includes connecting,
    /// may be shorter: a lookup goes on beside the next request then, but the error says
    /// nothing of addresses.
    pub(crate) const TIMEOUT: Duration = lookup::LIMIT
        .saturating_add(CONNECT_LIMIT)
        .saturating_add(tunnel::LIMIT)
        .saturating_add(Duration::from_secs(1));

    /// With these rules and the resolver of the system.
    pub(crate) fn new(rules: Arc<ProxyRules>) -> Self {
        Self::with_resolver(rules, Arc::new(SystemResolver))
    }

    /// With the proxy rules of the environment.
    pub(crate) fn from_env() -> Self {
        Self::new(ProxyRules::from_env())
    }

    fn with_resolver(rules: Arc<ProxyRules>, resolver: Arc<dyn Resolve>) -> Self {
        Self(Arc::new(Shared {
            rules,
            lookups: Lookups::new(resolver),
            turns: Semaphore::new(AT_A_TIME),
        }))
    }

    /// Opens a connection to the target, or a tunnel to it. `known` are its addresses if
    /// the caller has them; there is no lookup and no proxy then.
    async fn open(&self, target: &Target, known: Vec<SocketAddr>) -> Result<TcpStream, NetError> {
        if !known.is_empty() {
            return self.dial(&target.authority(), known).await;
        }

        match self.0.rules.route_to(target)? {
            ProxyRoute::Direct => self.look_up_and_dial(target.host(), target.port()).await,
            ProxyRoute::Through(proxy) => {
                let dialing = self.look_up_and_dial(proxy.host(), proxy.port());
                let mut stream = dialing.await.map_err(|error| error.at(&proxy))?;
                tunnel::open(&mut stream, &proxy, target).await?;
                Ok(stream)
            }
        }
    }

    async fn look_up_and_dial(&self, host: &str, port: u16) -> Result<TcpStream, NetError> {
        let mut addresses = self.0.lookups.resolve(host).await?;
        for address in &mut addresses {
            address.set_port(port);
        }

        self.dial(&target::authority(host, port), addresses).await
    }

    async fn dial(
        &self,
        authority: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<TcpStream, NetError> {
        // Bounded by the limit of those before it, and by the caller's. An error, which
        // only a closed semaphore gives, is no reason to wait.
        let turn = self.0.turns.acquire().await;
        let addresses = race::in_turns(addresses);
        let raced = race::race(addresses, CONNECT_LIMIT, connect).await;
        drop(turn);

        raced.map_err(|attempts| NetError::Unreachable {
            target: authority.to_owned(),
            attempts,
        })
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Nagle's algorithm makes a request in two pieces wait for the other side. Where it
    // cannot be turned off, things are slower and nothing else.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

impl Service<ConnectInfo<Uri>> for Connect {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    always_ready!();

    /// Honours the addresses in `info`; a local address in it is ignored.
    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let uri = info.request().clone();
            let opened = match Target::of(&uri) {
                Some(target) => this.open(&target, info.addrs().collect()).await,
                None => Err(NetError::NoHost),
            };
            match opened {
                Ok(stream) => Ok(Connection::new(uri, stream)),
                Err(error) => Err(ConnectError::Io(error.into())),
            }
        })
    }
}

/// Names the rules; they hide passwords.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("rules", &self.0.rules)
            .finish_non_exhaustive()
    }
}

/// Connects to the host of a URL as the transports do, through a proxy if the environment
/// says so, and closes the connection. Returns the address of the other side, which is
/// that of the proxy if there is one. Cancel-safe.
///
/// # Errors
/// When no connection comes about, with the addresses that were tried.
pub async fn reach(url: &str) -> Result<SocketAddr, NetError> {
    let uri = url.parse().ok();
    let target = uri.as_ref().and_then(Target::of);
    let target = target.ok_or(NetError::NoHost)?;

    let stream = Connect::from_env().open(&target, Vec::new()).await?;
    stream.peer_addr().map_err(|error| NetError::Unreachable {
        target: target.authority(),
        attempts: Attempts::lost(&error),
    })
}
