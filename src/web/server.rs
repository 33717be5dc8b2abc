//! The worker's own port.
//!
//! Whoever can reach it can open connections; they must not take what the worker needs for
//! its tasks (files), nor keep a probe of `/health` from being answered.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::{App, HttpServer};
use tokio::net::TcpStream;

use crate::error::{Error, Result};
use crate::worker::WorkerHandle;

/// The most connections at once. Further ones wait until one of these is closed, which
/// takes [`REQUEST_TIMEOUT`] at most, unless it is one of the few that are streams.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may be open before its request is there.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection without a further request stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// A client that takes nothing of an answer for so long has lost its connection.
#[cfg(target_os = "linux")]
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Takes the port on all interfaces, as the reference worker does.
pub(crate) fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("0.0.0.0", port)).map_err(|error| Error::HealthPort { port, error })
}

/// Serves on the current arbiter's system.
pub(crate) fn serve(
    listener: TcpListener,
    worker: WorkerHandle,
) -> Result<(ServerHandle, SocketAddr)> {
    let address = listener
        .local_addr()
        .map_err(|error| Error::HealthPort { port: 0, error })?;
    let failed = |error| Error::HealthPort {
        port: address.port(),
        error,
    };
    let server = HttpServer::new(move || App::new().configure(super::routes(worker.clone())))
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(REQUEST_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .on_connect(limit_sending)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)
        .map_err(failed)?
        .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((handle, address))
}

/// Has the system close a connection whose other end neither reads nor answers.
fn limit_sending(connection: &dyn Any, _: &mut Extensions) {
    #[cfg(target_os = "linux")]
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        let limit = u32::try_from(SEND_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
        // Without it the connection works as well.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, limit);
    }
}
