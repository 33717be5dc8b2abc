//! The socket: commands to workers, progress from them.

use actix_http::ws::{CloseCode, Frame, Message};
use axon_worker::dev::{CancelOutcome, DevOrchestrator, JobSpec, JobState};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};

use super::client::{Client, TOKEN};

type Socket = actix_codec::Framed<awc::BoxedSocket, actix_http::ws::Codec>;

async fn connect(client: &Client, path: &str, token: &str) -> Option<Socket> {
    let url = format!("{}{path}", client.base);
    let request = client.http.ws(url).set_header("X-Worker-Token", token);
    request.connect().await.ok().map(|(_, socket)| socket)
}

async fn text(socket: &mut Socket) -> Value {
    match socket.next().await {
        Some(Ok(Frame::Text(bytes))) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("a text frame was expected, not {other:?}"),
    }
}

async fn close_code(socket: &mut Socket) -> CloseCode {
    match socket.next().await {
        Some(Ok(Frame::Close(Some(reason)))) => reason.code,
        other => panic!("a close frame was expected, not {other:?}"),
    }
}

async fn with_socket(orchestrator: &DevOrchestrator) -> (Client, Socket) {
    let worker = Client::new(orchestrator, "w");
    let record = json!({"worker_id": "w", "supported_tasks": ["sleep"],
        "capabilities": {"websockets": true}});
    worker
        .send("POST", "/_worker/workers/register", Some(&record))
        .await;
    let socket = connect(&worker, "/_worker/ws/w", TOKEN).await.unwrap();
    (worker, socket)
}

fn sleep() -> JobSpec {
    JobSpec::task("sleep", json!({"seconds": 5}))
}

#[actix_rt::test]
async fn a_cancel_reaches_the_worker_and_its_answer_ends_the_job() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (worker, mut socket) = with_socket(&orchestrator).await;
    let job = orchestrator.submit(sleep()).await.unwrap();
    let task = worker.task().await;
    assert_eq!(job.cancel().await, CancelOutcome::Sent);
    let command = text(&mut socket).await;
    assert_eq!(
        command,
        json!({"command": "cancel_task", "task_id": task["task_id"], "job_id": task["job_id"]})
    );
    assert_eq!(job.report().state, JobState::Running);
    worker.answer(&task, &json!({"status": "cancelled"})).await;
    assert_eq!(job.finished().await.state, JobState::Cancelled);
    assert_eq!(job.cancel().await, CancelOutcome::TooLate);
}

#[actix_rt::test]
async fn a_cancel_without_the_flag_or_the_socket_reaches_nobody() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["sleep"]).await;
    let _socket = connect(&worker, "/_worker/ws/w", TOKEN).await.unwrap();
    let job = orchestrator.submit(sleep()).await.unwrap();
    let task = worker.task().await;
    assert_eq!(job.cancel().await, CancelOutcome::Unreachable);
    worker.answer(&task, &json!({})).await;
    assert_eq!(job.finished().await.state, JobState::Finished);
}

#[actix_rt::test]
async fn a_job_that_waits_is_cancelled_at_once_and_its_task_never_goes_out() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let job = orchestrator.submit(sleep()).await.unwrap();
    let next = orchestrator.submit(sleep()).await.unwrap();
    assert_eq!(job.cancel().await, CancelOutcome::Done);
    assert_eq!(job.finished().await.state, JobState::Cancelled);
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["sleep"]).await;
    assert_eq!(worker.task().await["job_id"], next.id().as_str());
}

#[actix_rt::test]
async fn progress_is_kept_and_other_messages_are_ignored() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (worker, mut socket) = with_socket(&orchestrator).await;
    let job = orchestrator.submit(sleep()).await.unwrap();
    let task = worker.task().await;
    for message in ["{not json", "[1]", r#"{"event":"other"}"#] {
        socket.send(Message::Text(message.into())).await.unwrap();
    }
    let progress = json!({"event": "progress_update", "task_id": task["task_id"],
        "job_id": task["job_id"], "progress": 0.25, "message": "Step 1/4"});
    socket
        .send(Message::Text(progress.to_string().into()))
        .await
        .unwrap();
    socket
        .send(Message::Ping("still there".into()))
        .await
        .unwrap();
    match socket.next().await {
        Some(Ok(Frame::Pong(bytes))) => assert_eq!(bytes, "still there"),
        other => panic!("a pong was expected, not {other:?}"),
    }
    let report = job.report();
    assert_eq!(report.progress, Some(json!(0.25)));
    assert_eq!(report.message.as_deref(), Some("Step 1/4"));
}

#[actix_rt::test]
async fn a_new_connection_replaces_the_old_one_and_stays_reachable() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (worker, mut old) = with_socket(&orchestrator).await;
    let mut new = connect(&worker, "/_worker/ws/w", TOKEN).await.unwrap();
    assert_eq!(close_code(&mut old).await, CloseCode::Policy);
    drop(old);
    assert!(orchestrator.command("w", &json!({"command": "reboot", "params": {"a": 1}})));
    assert_eq!(text(&mut new).await["command"], "reboot");
}

#[actix_rt::test]
async fn sockets_are_closed_when_the_server_goes_down() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (_worker, mut socket) = with_socket(&orchestrator).await;
    orchestrator.go_down().await.unwrap();
    assert_eq!(close_code(&mut socket).await, CloseCode::Away);
    assert!(!orchestrator.workers()[0].has_socket);
}

#[actix_rt::test]
async fn a_socket_needs_the_token_and_no_worker_id() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    assert!(connect(&worker, "/_worker/ws/w", "wrong").await.is_none());
    assert!(connect(&worker, "/_worker/ws", "wrong").await.is_none());
    assert!(connect(&worker, "/_worker/ws", TOKEN).await.is_some());
}
