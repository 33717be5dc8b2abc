//! The state of the worker as JSON and as metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "metrics")]
use actix_web::HttpRequest;
#[cfg(feature = "metrics")]
use actix_web::http::header::{Accept, Header, Quality};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::brief;
use super::health::why_not_ready;
use super::hosts::AllowedHosts;
use super::readiness::Norms;
use super::stream::MAX_STREAMS;
use crate::config::{Settings, Token};
use crate::status::{Moment, Vitals, WorkerStatus};
use crate::worker::{WorkerHandle, hostname};

/// The worker of a scope. A type of our own, for application data is found by type.
pub(super) struct Watched(pub(super) WorkerHandle);

/// What does not change about a worker and the pages tell or need.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) worker_type: String,
    pub(crate) started: Instant,
    pub(crate) norms: Norms,
    pub(crate) admin: Option<Token>,
    /// By which names the port of the worker may be asked.
    pub(super) hosts: AllowedHosts,
    /// A permit for each stream that may be open.
    pub(crate) streams: Arc<Semaphore>,
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
            hosts: AllowedHosts::new(&settings.allowed_hosts, &hostname()),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
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
    /// The worker is over; nothing will change.
    ended: bool,
    ready: bool,
    /// Why it is not ready, as `/ready` says it.
    reasons: Vec<String>,
    threads: Threads,
    /// Tasks that the list leaves out.
    more_tasks: usize,
    /// What was at the last heartbeats, oldest first; in the first event of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Past>>,
    #[serde(flatten)]
    status: WorkerStatus,
}

/// The numbers of an earlier moment.
#[derive(Serialize)]
struct Past {
    /// The uptime in seconds.
    time: f64,
    ended: usize,
    /// In seconds, all ended tasks together.
    run: f64,
    /// In seconds.
    latency: Option<f64>,
}

/// How long the threads take to come round to a message, in seconds; `null`: they are stuck.
#[derive(Serialize)]
struct Threads {
    control: Option<f64>,
    handlers: Vec<Option<f64>>,
}

impl Shown {
    /// With all tasks and whole texts, for programs.
    pub(super) async fn whole(worker: &WorkerHandle) -> Self {
        Self::of(worker, worker.vitals().await)
    }

    /// For people, who look at it every second: the tasks that have been here longest, and
    /// of long texts the beginning.
    pub(super) fn brief(worker: &WorkerHandle, vitals: Vitals) -> Self {
        let mut shown = Self::of(worker, vitals);
        shown.more_tasks = brief::shorten(&mut shown.status);
        shown
    }

    /// For people who have looked for the first time just now: with what was before that.
    pub(super) fn with_history(worker: &WorkerHandle, vitals: Vitals) -> Self {
        let mut shown = Self::brief(worker, vitals);
        let started = worker.about().started;
        let past = |it: Moment| Past {
            time: it.at.saturating_duration_since(started).as_secs_f64(),
            ended: it.ended,
            run: it.run_time.as_secs_f64(),
            latency: it.latency.as_ref().map(Duration::as_secs_f64),
        };
        let history = worker.history().into_iter();
        shown.history = Some(history.map(past).collect());
        shown
    }

    fn of(worker: &WorkerHandle, vitals: Vitals) -> Self {
        let about = worker.about();
        let status = worker.status();
        let reasons = why_not_ready(worker, &status, &vitals);
        let seconds = |lag: Option<Duration>| lag.as_ref().map(Duration::as_secs_f64);
        Self {
            worker_id: worker.worker_id().to_string(),
            worker_type: about.worker_type.clone(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: about.started.elapsed().as_secs_f64(),
            admin: about.admin.is_some(),
            ended: worker.has_ended(),
            ready: reasons.is_empty(),
            reasons,
            threads: Threads {
                control: seconds(vitals.control),
                handlers: vitals.handlers.into_iter().map(seconds).collect(),
            },
            more_tasks: 0,
            history: None,
            status,
        }
    }
}

pub(super) async fn status(worker: web::Data<Watched>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(Shown::whole(&worker.0).await)
}

#[cfg(feature = "metrics")]
pub(super) async fn metrics(worker: web::Data<Watched>, request: HttpRequest) -> HttpResponse {
    let (kind, body) = if wants_plain_text(&request) {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        (kind, worker.0.plain_metrics().await)
    } else {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        (kind, worker.0.metrics().await)
    };
    HttpResponse::Ok().content_type(kind).body(body)
}

/// Returns whether `Accept` prefers the older format. Who takes either gets `OpenMetrics`.
#[cfg(feature = "metrics")]
fn wants_plain_text(request: &HttpRequest) -> bool {
    let Ok(Accept(kinds)) = Accept::parse(request) else {
        return false;
    };
    // Of several ranges that fit, the most exact one counts.
    let quality = |kind: &str, group: &str| {
        let of = |range: &str| kinds.iter().find(|it| it.item.essence_str() == range);
        let fitting = of(kind).or_else(|| of(group)).or_else(|| of("*/*"));
        fitting.map_or(Quality::ZERO, |it| it.quality)
    };
    quality("text/plain", "text/*") > quality("application/openmetrics-text", "application/*")
}
