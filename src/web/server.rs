//! The worker's own port.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};

use crate::error::{Error, Result};
use crate::worker::WorkerHandle;

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
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)
        .map_err(failed)?
        .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((handle, address))
}
