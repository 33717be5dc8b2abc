//! Whether the worker lives, and whether it can get tasks.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::readiness::{STUCK, reasons};
use super::state::Watched;
use crate::status::{Vitals, WorkerStatus};
use crate::worker::WorkerHandle;

/// In a service that goes on without its worker.
const ENDED: &str = "the worker has ended";

pub(super) async fn health(worker: web::Data<Watched>) -> HttpResponse {
    let worker = &worker.0;
    let vitals = worker.vitals().await;
    if worker.has_ended() {
        trouble("ended", &[ENDED.to_owned()])
    } else if vitals.is_stuck() {
        trouble("stuck", &[STUCK.to_owned()])
    } else {
        fine()
    }
}

pub(super) async fn ready(worker: web::Data<Watched>) -> HttpResponse {
    let vitals = worker.0.vitals().await;
    let reasons = why_not_ready(&worker.0, &worker.0.status(), &vitals);
    if reasons.is_empty() {
        fine()
    } else {
        trouble("not ready", &reasons)
    }
}

/// The reasons; none: it is ready.
pub(super) fn why_not_ready(
    worker: &WorkerHandle,
    status: &WorkerStatus,
    vitals: &Vitals,
) -> Vec<String> {
    if worker.has_ended() {
        vec![ENDED.to_owned()]
    } else {
        reasons(status, vitals, worker.about().norms)
    }
}

fn fine() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .content_type("text/plain")
        .body("OK")
}

fn trouble(status: &str, reasons: &[String]) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({ "status": status, "reasons": reasons }))
}
