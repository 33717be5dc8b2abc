//! The state of the worker as JSON and as metrics.

use std::time::Instant;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::config::{Settings, Token};
use crate::policy::Norms;
use crate::status::WorkerStatus;
use crate::worker::WorkerHandle;

/// The worker of a scope. A type of our own, for application data is found by type.
pub(super) struct Watched(pub(super) WorkerHandle);

/// What does not change about a worker and the pages tell or need.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) worker_type: String,
    pub(crate) started: Instant,
    pub(crate) norms: Norms,
    pub(crate) admin: Option<Token>,
}

impl About {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            worker_type: settings.worker_type.clone(),
            started: Instant::now(),
            norms: Norms {
                heartbeat_interval: settings.timing.heartbeat_interval,
                request_timeout: settings.timing.request_timeout,
            },
            admin: settings.admin_token.clone(),
        }
    }
}

/// What `/status` and `/stream` tell.
#[derive(Serialize)]
pub(super) struct Shown {
    worker_id: String,
    worker_type: String,
    version: &'static str,
    /// In seconds.
    uptime: f64,
    /// Whether there are buttons.
    admin: bool,
    #[serde(flatten)]
    status: WorkerStatus,
}

impl Shown {
    pub(super) fn of(worker: &WorkerHandle) -> Self {
        let about = worker.about();
        Self {
            worker_id: worker.worker_id().to_string(),
            worker_type: about.worker_type.clone(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: about.started.elapsed().as_secs_f64(),
            admin: about.admin.is_some(),
            status: worker.status(),
        }
    }
}

pub(super) async fn status(worker: web::Data<Watched>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(Shown::of(&worker.0))
}

#[cfg(feature = "metrics")]
pub(super) async fn metrics(worker: web::Data<Watched>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(worker.0.metrics().await)
}
