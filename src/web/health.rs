//! Whether the worker lives, and whether it can get tasks.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::state::Watched;
use crate::policy::reasons;

pub(super) async fn health(worker: web::Data<Watched>) -> HttpResponse {
    let vitals = worker.0.vitals().await;
    if vitals.is_stuck() {
        trouble("stuck", &["the control thread does not answer".to_owned()])
    } else {
        fine()
    }
}

pub(super) async fn ready(worker: web::Data<Watched>) -> HttpResponse {
    let vitals = worker.0.vitals().await;
    let reasons = reasons(&worker.0.status(), &vitals, worker.0.about().norms);
    if reasons.is_empty() {
        fine()
    } else {
        trouble("not ready", &reasons)
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
