//! The worker's own port.
//!
//! Whoever can reach it can open connections; they must not take what the worker needs for
//! its tasks (files), nor keep a probe of `/health` from being answered.

use std::any::Any;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use rustix::io::Errno;
use tokio::net::TcpStream;

use super::hosts;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::worker::WorkerHandle;

/// Connections that wait to be accepted, as the standard library has it.
#[cfg(target_os = "linux")]
const BACKLOG: i32 = 128;
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

/// Takes the address of the health server: `WORKER_PORT` of `WORKER_HOST`, or of all
/// addresses of this machine, IPv6 and IPv4.
///
/// # Errors
/// [`Error::HealthPort`] if it cannot be had.
pub fn listen(settings: &Settings) -> Result<TcpListener> {
    let port = settings.worker_port;
    let listener = match settings.worker_host {
        Some(host) => TcpListener::bind((host, port)),
        None => listen_everywhere(port),
    };
    listener.map_err(|error| Error::HealthPort { port, error })
}

/// One socket for both kinds of addresses, or for IPv4 where there is no other.
fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    match listen_on_both(port) {
        Err(error)
            if [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
                .iter()
                .any(|it| Some(it.raw_os_error()) == error.raw_os_error()) =>
        {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        }
        listener => listener,
    }
}

/// Whatever the system's default for IPv6 sockets is.
#[cfg(target_os = "linux")]
fn listen_on_both(port: u16) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

    let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
    let socket = socket_with(AddressFamily::INET6, kind, flags, None)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    // As the standard library does: connections of an earlier process may be closing still.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[cfg(not(target_os = "linux"))]
fn listen_on_both(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
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
    let app = move || {
        let hosts = web::Data::new(worker.about().hosts.clone());
        App::new()
            .app_data(hosts)
            .wrap(from_fn(hosts::check))
            .configure(super::routes(worker.clone()))
    };
    let server = HttpServer::new(app)
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
