//! The interface of clients, who submit jobs and look at them, as the real orchestrators
//! have it. Every task is a blueprint of one step here, so that
//! `POST /api/v1/jobs/{task}` submits one.

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::JobId;
use crate::dev::state::{CancelOutcome, Shared};
use crate::dev::{JobReport, JobSpec, JobState, wire};

/// Parameters of clients may be larger than what workers send, which the real ones limit.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// What [`crate::dev::DevOrchestratorBuilder::client_token`] wants to see.
const TOKEN: &str = "x-client-token";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let jobs = web::resource(wire::CLIENT_JOBS)
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .post(submit_spec);
    let job = web::resource(wire::CLIENT_JOB)
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .post(submit_task)
        .get(show);
    let cancel = web::resource(wire::CLIENT_CANCEL).post(cancel);
    config.service(jobs).service(job).service(cancel);
}

/// One task; the parameters are `initial_data`, or all of the body without it.
async fn submit_task(
    shared: Data<Shared>,
    request: HttpRequest,
    task: Path<(String, String)>,
    body: Bytes,
) -> HttpResponse {
    let (_, task) = task.into_inner();
    if let Some(refused) = refusal(&shared, &request) {
        return refused;
    }
    let params = match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(mut members)) => match members.remove("initial_data") {
            Some(params) => params,
            None => Value::Object(members),
        },
        _ => return error(400, "Invalid JSON body"),
    };
    if let Err(invalid) = crate::check_identifier(&task) {
        return error(400, &invalid.to_string());
    }
    accept(&shared, &JobSpec::task(task.as_str(), params))
}

/// A job in the general form of [`JobSpec`], which the real orchestrators do not have.
async fn submit_spec(shared: Data<Shared>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if let Some(refused) = refusal(&shared, &request) {
        return refused;
    }
    match serde_json::from_slice::<JobSpec>(&body) {
        Ok(spec) => accept(&shared, &spec),
        Err(wrong) => error(400, &wrong.to_string()),
    }
}

fn accept(shared: &Shared, spec: &JobSpec) -> HttpResponse {
    let id = shared.change(|state| state.submit(spec, None));
    answer(202, json!({ "status": "accepted", "job_id": id }))
}

async fn show(
    shared: Data<Shared>,
    request: HttpRequest,
    job: Path<(String, String)>,
) -> HttpResponse {
    let (_, job) = job.into_inner();
    if let Some(refused) = refusal(&shared, &request) {
        return refused;
    }
    match shared.look(|state| state.report(&JobId::from(job))) {
        Some(report) => answer(200, record(&report)),
        None => error(404, "Job not found"),
    }
}

async fn cancel(
    shared: Data<Shared>,
    request: HttpRequest,
    job: Path<(String, String)>,
) -> HttpResponse {
    let (_, job) = job.into_inner();
    if let Some(refused) = refusal(&shared, &request) {
        return refused;
    }
    match shared.change(|state| state.cancel(&JobId::from(job))) {
        CancelOutcome::TooLate => error(404, "Job not found or already terminal."),
        CancelOutcome::Sent => answer(200, json!({ "status": "cancellation_request_sent" })),
        _ => answer(200, json!({ "status": "cancellation_request_accepted" })),
    }
}

/// Why a client may not do this, unless it may.
fn refusal(shared: &Shared, request: &HttpRequest) -> Option<HttpResponse> {
    let Some(wanted) = &shared.settings.client_token else {
        // Without a token, any page that a browser of this machine shows could submit.
        let is_page = request.headers().contains_key("origin");
        return is_page.then(|| error(403, "Web pages need an X-Client-Token"));
    };
    match request.headers().get(TOKEN) {
        None => Some(error(401, "Unauthorized: Missing X-Client-Token header")),
        Some(shown) if shown.as_bytes() == wanted.expose().as_bytes() => None,
        Some(_) => Some(error(401, "Unauthorized: Invalid token")),
    }
}

/// A job with the members that those of the real orchestrators have.
fn record(report: &JobReport) -> Value {
    let mut record = json!({
        "id": report.id,
        "status": status(report.state),
        "current_state": report.step,
        "state_history": report.data,
        "retry_count": report.attempts().saturating_sub(1),
    });
    let more = [
        ("error_message", report.error.clone().map(Value::from)),
        ("progress", report.progress.clone()),
        ("progress_message", report.message.clone().map(Value::from)),
        (
            "error",
            report.history.last().and_then(|last| last.error.clone()),
        ),
        (
            "task_worker_id",
            report
                .history
                .last()
                .and_then(|last| last.worker.clone())
                .map(Value::from),
        ),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            record[name] = value;
        }
    }
    record
}

/// The words of the real orchestrators, as far as they have some.
fn status(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "pending",
        JobState::Running => "waiting_for_worker",
        JobState::Finished => "finished",
        JobState::Failed | JobState::Lost => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Quarantined => "quarantined",
    }
}

fn answer(status: u16, body: Value) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status);
    HttpResponse::build(status.expect("a status of ours")).json(body)
}

fn error(status: u16, text: &str) -> HttpResponse {
    answer(status, json!({ "error": text }))
}
