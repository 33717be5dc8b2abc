//! What the service answers. It asks the orchestrator how its jobs stand, as it would ask
//! one that is elsewhere.

use actix_web::error::{ErrorInternalServerError, ErrorNotFound};
use actix_web::{HttpResponse, Result, web};
use axon_worker::JobId;
use axon_worker::dev::{DevOrchestrator, JobReport, JobSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shelf::{Picture, Shelf};

/// No picture is larger, in bytes.
pub(crate) const LARGEST: usize = 16 << 20;
/// As wide as pictures get, in pixels.
const WIDTH: u32 = 240;

pub(crate) struct Host {
    pub(crate) orchestrator: DevOrchestrator,
    pub(crate) shelf: Shelf,
}

impl Host {
    fn report(&self, job: &JobId) -> JobReport {
        self.orchestrator.handle_of(job.clone()).report()
    }
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(index))
        .route("/pictures", web::post().to(upload))
        .route("/pictures/{number}", web::get().to(state))
        .route("/pictures/{number}/small", web::get().to(small));
}

#[derive(Deserialize)]
struct Upload {
    name: Option<String>,
}

/// Puts the picture on the shelf and the work into the queue; the sender need not wait.
async fn upload(
    host: web::Data<Host>,
    upload: web::Query<Upload>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let number = host.shelf.number();
    tokio::fs::write(host.shelf.original(number), body).await?;
    let job = JobSpec::task("shrink", json!({ "picture": number, "width": WIDTH }));
    let job = host.orchestrator.submit(job).await;
    let job = job.map_err(ErrorInternalServerError)?.id().clone();
    let name = upload.into_inner().name;
    let name = name.unwrap_or_else(|| format!("picture {number}"));
    host.shelf.add(number, Picture { name, job });
    let address = format!("/pictures/{number}");
    Ok(HttpResponse::Accepted()
        .insert_header(("location", address.as_str()))
        .json(json!({ "picture": address })))
}

async fn state(host: web::Data<Host>, number: web::Path<u64>) -> Result<HttpResponse> {
    let picture = host.shelf.picture(*number);
    let picture = picture.ok_or_else(|| ErrorNotFound("no such picture"))?;
    let report = host.report(&picture.job);
    let result = if report.is_success() {
        report.data
    } else {
        Value::Null
    };
    Ok(HttpResponse::Ok().json(json!({
        "name": picture.name,
        "state": format!("{:?}", report.state).to_lowercase(),
        "ended": report.state.is_end(),
        "error": report.error,
        "result": result,
    })))
}

async fn small(host: web::Data<Host>, number: web::Path<u64>) -> Result<HttpResponse> {
    let picture = tokio::fs::read(host.shelf.small(*number)).await;
    let picture = picture.map_err(|_| ErrorNotFound("no such picture"))?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

async fn index(host: web::Data<Host>) -> HttpResponse {
    let pictures: Vec<_> = host
        .shelf
        .pictures()
        .iter()
        .map(|(number, picture)| row(*number, picture, &host.report(&picture.job)))
        .collect();
    let events = host.shelf.events();
    let events: Vec<_> = events
        .iter()
        .map(|event| format!("<li>{}</li>", escaped(event)))
        .collect();
    let page = include_str!("index.html")
        .replace("{pictures}", &pictures.concat())
        .replace("{events}", &events.concat());
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page)
}

fn row(number: u64, picture: &Picture, report: &JobReport) -> String {
    let name = escaped(&picture.name);
    let state = escaped(&format!("{:?}", report.state).to_lowercase());
    let shown = match &report.error {
        Some(error) => escaped(error),
        None if report.is_success() => format!("<img src=\"/pictures/{number}/small\" alt=\"\">"),
        None => String::new(),
    };
    format!("<li><b>{name}</b> <a href=\"/pictures/{number}\">{state}</a><br>{shown}</li>")
}

/// Names and messages are of others.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
