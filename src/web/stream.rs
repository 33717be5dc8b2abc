//! The state once a second, for as long as somebody looks. Nobody: no cost.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::{future, stream};

use super::state::{Shown, Watched};
use crate::status::Vitals;
use crate::worker::WorkerHandle;

const EVERY: Duration = Duration::from_secs(1);
/// When a browser tries again after the connection is lost, in milliseconds.
const RETRY: &str = "retry: 1000\n";

pub(super) async fn stream(worker: web::Data<Watched>) -> HttpResponse {
    let worker = worker.0.clone();
    let events = stream::unfold((worker, true), |(worker, first)| async move {
        let event = if first {
            let vitals = worker.vitals().await;
            event(RETRY, &worker, vitals)
        } else {
            // Asked during the pause: a thread that is stuck does not slow the page down.
            let ((), vitals) = future::join(tokio::time::sleep(EVERY), worker.vitals()).await;
            event("", &worker, vitals)
        };
        Some((Ok::<_, actix_web::Error>(event), (worker, false)))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        // Some proxies hold answers back until they are whole.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events)
}

fn event(before: &str, worker: &WorkerHandle, vitals: Vitals) -> Bytes {
    let mut text = format!("{before}data: ").into_bytes();
    // The status has a JSON form, and a `Vec` takes everything.
    let _ = serde_json::to_writer(&mut text, &Shown::brief(worker, vitals));
    text.extend_from_slice(b"\n\n");
    text.into()
}
