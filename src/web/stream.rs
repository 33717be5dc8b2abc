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

/// Where a stream is.
enum Place {
    First,
    Next,
    Over,
}

pub(super) async fn stream(worker: web::Data<Watched>) -> HttpResponse {
    let begin = (worker.0.clone(), Place::First);
    let events = stream::unfold(begin, |(worker, place)| async move {
        let (before, vitals) = match place {
            Place::First => (RETRY, worker.vitals().await),
            Place::Next => ("", after_a_pause(&worker).await),
            Place::Over => return None,
        };
        // An open page keeps no server from ending once the worker has ended.
        let next = if worker.has_ended() {
            Place::Over
        } else {
            Place::Next
        };
        let event = event(before, &worker, vitals);
        Some((Ok::<_, actix_web::Error>(event), (worker, next)))
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

fn event(before: &str, worker: &WorkerHandle, vitals: Vitals) -> Bytes {
    let mut text = format!("{before}data: ").into_bytes();
    // The status has a JSON form, and a `Vec` takes everything.
    let _ = serde_json::to_writer(&mut text, &Shown::brief(worker, vitals));
    text.extend_from_slice(b"\n\n");
    text.into()
}
