//! The state once a second, for as long as somebody looks. Nobody: no cost.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;

use super::state::{Shown, Watched};
use crate::worker::WorkerHandle;

const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn stream(worker: web::Data<Watched>) -> HttpResponse {
    let worker = worker.0.clone();
    let events = stream::unfold((worker, true), |(worker, first)| async move {
        if !first {
            tokio::time::sleep(EVERY).await;
        }
        let event = event(&worker);
        Some((Ok::<_, actix_web::Error>(event), (worker, false)))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        // Some proxies hold answers back until they are whole.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events)
}

fn event(worker: &WorkerHandle) -> Bytes {
    let mut text = b"data: ".to_vec();
    // The status has a JSON form, and a `Vec` takes everything.
    let _ = serde_json::to_writer(&mut text, &Shown::of(worker));
    text.extend_from_slice(b"\n\n");
    text.into()
}
