//! The health server: `/health` says whether the worker lives, `/ready` whether
//! it can get tasks.
//!
//! `GET` or `HEAD /health` → 200 `OK`, as avtomatika-worker 1.0b4 answers, but only
//! while the control thread answers; 503 otherwise. `/ready` → 503 while the worker
//! is registered nowhere or shutting down.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};

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
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(worker.clone()))
            .service(
                web::resource("/health")
                    .route(web::get().to(health))
                    .route(web::head().to(health)),
            )
            .service(
                web::resource("/ready")
                    .route(web::get().to(ready))
                    .route(web::head().to(ready)),
            )
    })
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

async fn health(worker: web::Data<WorkerHandle>) -> HttpResponse {
    if worker.answers().await {
        HttpResponse::Ok().content_type("text/plain").body("OK")
    } else {
        HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("stuck")
    }
}

async fn ready(worker: web::Data<WorkerHandle>) -> HttpResponse {
    let status = worker.status();
    let reason = if status.draining {
        "shutting down"
    } else if status.registered == 0 {
        "not registered with any orchestrator"
    } else {
        return HttpResponse::Ok().content_type("text/plain").body("OK");
    };
    HttpResponse::ServiceUnavailable()
        .content_type("text/plain")
        .body(reason)
}
