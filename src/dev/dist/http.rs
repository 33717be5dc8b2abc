//! What the controller answers besides the WebSocket: a part of its HTTP API, on the
//! same port, and files.

use std::time::Duration;

use actix_web::http::header::{self, HttpDate};
use actix_web::web::{self, Bytes, Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::socket;
use super::state::{Shared, State};
use super::task::{DistOutcome, DistTask, DistTaskView};
use crate::transport::distworker::wire::date;
use crate::transport::distworker::wire::signing::{Authorization, DATE_HEADER, Request};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/worker/v1/ws", web::get().to(socket::upgrade))
        .route("/worker/v1/file/{file_id}", web::get().to(file))
        .route("/api/v1/tasks", web::post().to(submit))
        .route("/api/v1/tasks/{task_id}", web::get().to(show))
        .default_service(web::to(unknown));
}

/// Every answer of a Go server tells its clock.
fn at(shared: &Shared) -> (header::HeaderName, String) {
    let clock = shared.read(State::clock);
    (header::DATE, HttpDate::from(clock).to_string())
}

async fn unknown(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::NotFound().insert_header(at(&shared)).finish()
}

#[derive(Deserialize)]
struct Submission {
    queue: String,
    #[serde(default)]
    input: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    metadata: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    retry: u32,
}

#[derive(Deserialize)]
struct Waiting {
    /// Milliseconds; -1 without limit.
    #[serde(default)]
    wait: i64,
}

async fn submit(
    shared: Data<Shared>,
    waiting: Query<Waiting>,
    task: Json<Submission>,
) -> HttpResponse {
    let submission = task.into_inner();
    let mut task = match &submission.input {
        Some(input) => DistTask::new(&submission.queue, input),
        None => DistTask::without_input(&submission.queue),
    };
    if let Some(metadata) = &submission.metadata {
        task = task.metadata(metadata);
    }
    let task_id = shared.change(|state| state.submit(task.retries(submission.retry)));
    let ended = shared.wait_for(|state| state.view(&task_id)?.outcome);
    match u64::try_from(waiting.wait) {
        Ok(limit) => {
            let limit = Duration::from_millis(limit);
            // Whatever it is by then is the answer.
            let _ = tokio::time::timeout(limit, ended).await;
        }
        Err(_) => drop(ended.await),
    }
    told(&shared, &task_id)
}

async fn show(shared: Data<Shared>, task_id: Path<String>) -> HttpResponse {
    told(&shared, &task_id)
}

fn told(shared: &Shared, task_id: &str) -> HttpResponse {
    match shared.read(|state| state.view(task_id)) {
        Some(view) => HttpResponse::Ok().json(as_json(task_id, &view)),
        None => HttpResponse::NotFound().json(json!({ "error": "task not found" })),
    }
}

fn as_json(task_id: &str, view: &DistTaskView) -> Value {
    let mut task = json!({ "task_id": task_id, "queue": view.queue });
    let status = match &view.outcome {
        None if view.assigned > 0 => "processing",
        None => "pending",
        Some(DistOutcome::Completed(result)) => {
            task["result"] = result.clone();
            "finished"
        }
        Some(DistOutcome::Failed {
            code,
            message,
            details,
        }) => {
            task["error"] = json!({ "code": code, "message": message, "details": details });
            "finished"
        }
    };
    task["status"] = status.into();
    task
}

/// A file for a worker that has signed its request. Here it is found; the controllers
/// v0.0.3 to v0.0.6 answer 404 to all.
async fn file(shared: Data<Shared>, request: HttpRequest, file_id: Path<String>) -> HttpResponse {
    let refuse = |status: u16, error: &str| {
        let status = actix_web::http::StatusCode::from_u16(status).expect("a status of ours");
        HttpResponse::build(status).json(json!({ "error": error }))
    };
    if let Err((status, error)) = check(&shared, &request) {
        return refuse(status, error);
    }
    match shared.read(|state| state.files.get(&*file_id).cloned()) {
        Some(content) => HttpResponse::Ok().body(Bytes::from(content)),
        None => refuse(404, "file not found"),
    }
}

fn check(shared: &Shared, request: &HttpRequest) -> Result<(), (u16, &'static str)> {
    let headers = request.headers().iter();
    let headers: Vec<_> = headers
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let value_of = |wanted: &str| {
        let mut headers = headers.iter();
        headers.find(|(name, _)| *name == wanted).map(|(_, v)| *v)
    };
    let authorization = value_of("authorization").unwrap_or_default();
    let authorization = Authorization::read(authorization).map_err(|error| (400, error))?;
    let date = value_of(DATE_HEADER).ok_or((400, "missing x-distworker-date header"))?;
    let date = date::read(date).ok_or((400, "invalid date format"))?;
    if !date::is_in_window(date, shared.read(State::clock)) {
        return Err((400, "request timestamp too old or too far in future"));
    }
    let token = shared.token_of(&authorization.worker_id);
    let token = token.ok_or((500, "worker session not found"))?;
    let signed: Vec<_> = authorization.signed.iter().map(String::as_str).collect();
    let expected = Request {
        method: request.method().as_str(),
        path: request.path(),
        query: request.query_string(),
        headers: &headers,
        signed: &signed,
    };
    if expected.signature(token.expose()) == authorization.signature {
        Ok(())
    } else {
        Err((403, "signature mismatch"))
    }
}
