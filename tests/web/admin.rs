//! What an operator may do over HTTP, and who else may not.

use axon_worker::config::{Settings, Token};
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{Outcome, RawJson, TaskContext, TaskError, Worker, WorkerHandle};

use crate::get;
use crate::until::until;

const SECRET: &str = "open sesame";

async fn waits(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
    task.cancellation().cancelled().await;
    Ok(())
}

fn worker(orchestrator: &MemoryOrchestrator, token: Option<&str>) -> WorkerHandle {
    let token = token.map(Token::from);
    Worker::builder("test")
        .settings(Settings::default())
        .configure(move |settings| {
            settings.worker_port = 0;
            settings.admin_token = token;
        })
        .transport("memory", orchestrator.connect())
        .task("waits", waits)
        .build()
        .expect("a worker")
        .with_health_check()
        .spawn()
        .expect("started")
}

async fn post(worker: &WorkerHandle, path: &str, token: Option<&str>) -> u16 {
    let port = worker.health_address().expect("a server").port();
    let mut request = awc::Client::default().post(format!("http://127.0.0.1:{port}{path}"));
    if let Some(token) = token {
        request = request.insert_header(("authorization", format!("Bearer {token}")));
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[actix_rt::test]
async fn only_the_admin_token_opens_the_controls() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, Some(SECRET));
    for wrong in [None, Some(""), Some("open sesam"), Some("open sesame!")] {
        for path in ["/pause", "/resume", "/drain", "/cancel/x"] {
            assert_eq!(post(&worker, path, wrong).await, 401, "{path} {wrong:?}");
        }
    }
    assert!(!worker.status().paused && !worker.status().draining);
    let (_, shown) = get(&worker, "/status").await;
    assert!(shown.contains("\"admin\":true") && !shown.contains(SECRET));

    let id = orchestrator.submit("waits", &());
    orchestrator.called(Call::Poll, 2).await;
    until("it runs", || !worker.status().tasks.is_empty()).await;
    let cancel = format!("/cancel/{id}");
    assert_eq!(post(&worker, &cancel, Some(SECRET)).await, 202);
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(post(&worker, "/drain", Some(SECRET)).await, 202);
    assert!(worker.wait().await.is_clean());
}

#[actix_rt::test]
async fn without_a_token_there_are_no_controls() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, None);
    for given in [None, Some(""), Some("anything")] {
        assert_eq!(post(&worker, "/pause", given).await, 404);
    }
    assert!(get(&worker, "/status").await.1.contains("\"admin\":false"));
    worker.shutdown().await;
}
