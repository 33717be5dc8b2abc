//! The web pages of a worker.

#![allow(unreachable_pub, reason = "one test program in several files")]

mod admin;
mod embedded;
mod health;
#[cfg(feature = "metrics")]
mod metrics;
mod page;
mod port;
mod runtimes;
#[path = "../support/until.rs"]
mod until;

use std::net::TcpListener;

use axon_worker::config::Settings;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{RawJson, TaskError, Worker, WorkerEvent, WorkerHandle};

/// Returns what it gets.
pub async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

/// A worker with its pages on that port.
pub fn worker(orchestrator: &MemoryOrchestrator, port: u16) -> axon_worker::Result<WorkerHandle> {
    Worker::builder("test")
        .settings(Settings::default())
        .configure(move |settings| settings.worker_port = port)
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .build()?
        .with_health_check()
        .spawn()
}

/// Status and body of one of its pages.
pub async fn get(worker: &WorkerHandle, path: &str) -> (u16, String) {
    let address = worker.health_address().expect("a health server");
    let url = format!("http://127.0.0.1:{}{path}", address.port());
    let mut answer = awc::Client::default()
        .get(url)
        .send()
        .await
        .expect("an answer");
    let body = answer.body().await.expect("a body");
    (
        answer.status().as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

#[actix_rt::test]
async fn a_living_worker_says_ok_and_only_where_it_should() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, 0).unwrap();
    assert_eq!(get(&worker, "/health").await, (200, "OK".to_owned()));
    assert_eq!(get(&worker, "/elsewhere").await.0, 404);
    let address = worker.health_address().unwrap();
    let url = format!("http://127.0.0.1:{}/health", address.port());
    let client = awc::Client::default();
    assert_eq!(client.head(&url).send().await.unwrap().status(), 200);
    assert_eq!(client.post(&url).send().await.unwrap().status(), 405);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_worker_is_ready_while_it_is_registered_and_not_ending() {
    let orchestrator = MemoryOrchestrator::new();
    let away = TransportError::Unreachable {
        reason: "gone".into(),
    };
    orchestrator.fail_next(Call::Register, &away, 1);
    let worker = worker(&orchestrator, 0).unwrap();
    orchestrator.called(Call::Register, 1).await;
    let (status, body) = get(&worker, "/ready").await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({
            "status": "not ready",
            "reasons": ["not registered with any orchestrator"],
        })
    );
    assert_eq!(get(&worker, "/health").await.0, 200, "alive all the same");
    orchestrator.called(Call::Heartbeat, 1).await;
    assert_eq!(get(&worker, "/ready").await.0, 200);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_paused_worker_is_not_ready_and_says_why() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, 0).unwrap();
    orchestrator.called(Call::Heartbeat, 1).await;
    let mut events = worker.events();
    worker.pause();
    assert!(matches!(events.next().await, Some(WorkerEvent::Paused)));
    let (status, body) = get(&worker, "/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains("paused"), "{body}");
    worker.resume();
    assert!(matches!(events.next().await, Some(WorkerEvent::Resumed)));
    assert_eq!(get(&worker, "/ready").await.0, 200);
    worker.shutdown().await;
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = worker(&MemoryOrchestrator::new(), port)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("WORKER_PORT") && error.contains(&port.to_string()),
        "{error}"
    );
}
