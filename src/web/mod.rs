//! The worker's web pages: health for orchestrators of containers, metrics, and a
//! page for people. On a port of the worker's own, or as a part of your service.
//!
//! | path | answer |
//! |---|---|
//! | `GET /health` | 200 `OK` while the control thread answers, as avtomatika-worker 1.0b4 says it; otherwise 503 and JSON with the reasons |
//! | `GET /ready` | 200 `OK` while the worker can get tasks; otherwise 503 and JSON with the reasons |
//! | `GET /status` | the [`WorkerStatus`](crate::WorkerStatus) as JSON, with `ready`, `reasons` and how its `threads` keep up |
//! | `GET /stream` | the same once a second, as server-sent events; of many tasks the 100 that have been here longest, of long texts the beginning |
//! | `GET /metrics` | numbers for Prometheus (feature `metrics`): `OpenMetrics`, or the older text format for those who prefer `text/plain` |
//! | `GET /` | the status page |
//! | `POST /pause`, `/resume`, `/drain`, `/cancel/{id}` | only with `AXON_ADMIN_TOKEN`, as `Authorization: Bearer` |
//!
//! ```
//! use actix_web::{App, HttpServer, web};
//! use axon_worker::WorkerHandle;
//!
//! fn serve(worker: WorkerHandle) -> std::io::Result<actix_web::dev::Server> {
//!     let app = move || {
//!         let pages = axon_worker::web::routes(worker.clone());
//!         App::new().service(web::scope("/worker").configure(pages))
//!     };
//!     Ok(HttpServer::new(app).bind(("127.0.0.1", 0))?.run())
//! }
//! ```

mod admin;
mod brief;
mod health;
mod hosts;
mod page;
mod readiness;
mod server;
mod state;
mod stream;

use actix_web::web;

pub use server::listen;
pub(crate) use server::serve;
pub(crate) use state::About;

use crate::worker::WorkerHandle;

/// All pages of a worker, to be mounted where you like. Several workers in one
/// process need a scope each.
pub fn routes(worker: WorkerHandle) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(state::Watched(worker)))
            .service(
                web::resource("/health")
                    .route(web::get().to(health::health))
                    .route(web::head().to(health::health)),
            )
            .service(
                web::resource("/ready")
                    .route(web::get().to(health::ready))
                    .route(web::head().to(health::ready)),
            )
            .service(web::resource("/status").route(web::get().to(state::status)))
            .service(web::resource("/stream").route(web::get().to(stream::stream)))
            .service(web::resource("/").route(web::get().to(page::page)))
            .service(web::resource("").route(web::get().to(page::page)))
            .configure(admin::routes);
        #[cfg(feature = "metrics")]
        config.service(web::resource("/metrics").route(web::get().to(state::metrics)));
    }
}
