//! What an operator may do from outside, with the admin token only.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::state::Watched;
use crate::config::Token;
use crate::worker::WorkerHandle;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/pause").route(web::post().to(pause)))
        .service(web::resource("/resume").route(web::post().to(resume)))
        .service(web::resource("/drain").route(web::post().to(drain)))
        .service(web::resource("/cancel/{id}").route(web::post().to(cancel)));
}

async fn pause(worker: web::Data<Watched>, request: HttpRequest) -> HttpResponse {
    allowed(&worker.0, &request, WorkerHandle::pause)
}

async fn resume(worker: web::Data<Watched>, request: HttpRequest) -> HttpResponse {
    allowed(&worker.0, &request, WorkerHandle::resume)
}

async fn drain(worker: web::Data<Watched>, request: HttpRequest) -> HttpResponse {
    allowed(&worker.0, &request, WorkerHandle::begin_shutdown)
}

async fn cancel(
    worker: web::Data<Watched>,
    request: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    allowed(&worker.0, &request, |worker| worker.cancel(id.into_inner()))
}

/// Does it, if the request carries the admin token. Without one configured there
/// is nothing here.
fn allowed(
    worker: &WorkerHandle,
    request: &HttpRequest,
    action: impl FnOnce(&WorkerHandle),
) -> HttpResponse {
    let Some(token) = &worker.about().admin else {
        return HttpResponse::NotFound().json(json!({ "error": "AXON_ADMIN_TOKEN is not set" }));
    };
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if !given.is_some_and(|given| same(token, given.trim())) {
        return HttpResponse::Unauthorized().json(json!({ "error": "the admin token is wrong" }));
    }
    action(worker);
    HttpResponse::Accepted().json(json!({ "status": "accepted" }))
}

/// Compares in a time that does not depend on where the texts differ.
fn same(token: &Token, given: &str) -> bool {
    let (token, given) = (token.expose().as_bytes(), given.as_bytes());
    let differences = token.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
    !token.is_empty() && token.len() == given.len() && differences == 0
}
