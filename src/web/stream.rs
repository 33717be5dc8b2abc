//! The state once a second, for as long as somebody looks. Nobody: no cost.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::{future, stream};
use serde_json::json;

use super::state::{Shown, Watched};
use crate::status::Vitals;
use crate::worker::WorkerHandle;

const EVERY: Duration = Duration::from_secs(1);
/// When a browser tries again after the connection is lost, in milliseconds.
const RETRY: &str = "retry: 1000\n";

/// Where a stream is.
enum Place {
    First,
    Next,
    Over,
}

/// The most streams of a worker at once: each keeps a connection, and costs a status a second.
pub(super) const MAX_STREAMS: usize = 16;

pub(super) async fn stream(worker: web::Data<Watched>) -> HttpResponse {
    let streams = worker.0.about().streams.clone();
    let Ok(permit) = streams.try_acquire_owned() else {
        let reason = format!("{MAX_STREAMS} streams are open already");
        return HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, HeaderValue::from_static("5")))
            .force_close()
            .json(json!({ "error": reason }));
    };

    let begin = (worker.0.clone(), Place::First, permit);
    let events = stream::unfold(begin, |(worker, place, permit)| async move {
        let (before, shown) = match place {
            Place::First => {
                let vitals = worker.vitals().await;
                (RETRY, Shown::with_history(&worker, vitals))
            }
            Place::Next => ("", Shown::brief(&worker, after_a_pause(&worker).await)),
            Place::Over => return None,
        };
        // An open page keeps no server from ending once the worker has ended.
        let next = if worker.has_ended() {
            Place::Over
        } else {
            Place::Next
        };
        let event = event(before, &shown);
        Some((Ok::<_, actix_web::Error>(event), (worker, next, permit)))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        // Some proxies hold answers back until they are whole.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events)
}

/// Asked during the pause: a thread that is stuck does not slow the page down.
async fn after_a_pause(worker: &WorkerHandle) -> Vitals {
    let pause = future::join(tokio::time::sleep(EVERY), worker.vitals());
    tokio::select! {
        ((), vitals) = pause => vitals,
        _ = worker.wait() => worker.vitals().await,
    }
}

fn event(before: &str, shown: &Shown) -> Bytes {
    let mut text = format!("{before}data: ").into_bytes();
    // The status has a JSON form, and a `Vec` takes everything.
    let _ = serde_json::to_writer(&mut text, shown);
    text.extend_from_slice(b"\n\n");
    text.into()
}
