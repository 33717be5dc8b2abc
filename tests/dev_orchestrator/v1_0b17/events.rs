//! Events over HTTP and the WebSocket, and commands the other way.

use actix_http::ws::{Frame, Message};
use axon_worker::dev::{CancelOutcome, DevOrchestrator, Endpoint, JobSpec, JobState};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};

use super::client::{Answer, Client, EVENTS, TOKEN, builder};

type Socket = actix_codec::Framed<awc::BoxedSocket, actix_http::ws::Codec>;

async fn connect(client: &Client, path: &str, token: &str) -> Result<Socket, u16> {
    let request = client.http.ws(format!("{}{path}", client.base));
    let request = request.set_header("X-Worker-Token", token);
    match request.connect().await {
        Ok((_, socket)) => Ok(socket),
        Err(awc::error::WsClientError::InvalidResponseStatus(status)) => Err(status.as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn event(kind: &str, task: &Value, payload: Value) -> Value {
    json!({"event_type": kind, "payload": payload, "target_job_id": task["job_id"],
        "target_task_id": task["task_id"], "origin_task_id": task["task_id"]})
}

fn accepted(answer: &Answer) {
    answer.is(200, json!({"status": "event_accepted"}));
}

/// A worker with a task of a job with an event transition.
async fn with_task(orchestrator: &DevOrchestrator) -> (Client, Value, axon_worker::dev::JobHandle) {
    let worker = Client::new(orchestrator, "w");
    let tick = json!({"type": "object", "required": ["i"]});
    let skills = json!([{"name": "eventer", "events_schema": {"tick": tick}}, {"name": "next"}]);
    worker
        .register_as(&json!({"supported_skills": skills}))
        .await;
    let spec = JobSpec::from_json(json!({"start": "first", "steps": {
        "first": {"task": "eventer", "event_transitions": {"early": "second"}},
        "second": {"task": "next"},
    }}));
    let job = orchestrator.submit(spec.unwrap()).await.unwrap();
    let task = worker.task().await;
    (worker, task, job)
}

#[actix_rt::test]
async fn progress_is_an_event() {
    let orchestrator = builder().start().await.unwrap();
    let (worker, task, job) = with_task(&orchestrator).await;
    let progress = json!({"progress": 0.25, "message": "a quarter"});
    accepted(
        &worker
            .event(&event("progress", &task, progress.clone()))
            .await,
    );
    let report = job.report();
    assert_eq!(report.progress, Some(json!(0.25)));
    assert_eq!(report.message.as_deref(), Some("a quarter"));
    let recorded = orchestrator.events();
    assert_eq!(
        (recorded[0].kind(), recorded[0].payload()),
        (Some("progress"), &progress)
    );
    assert!(!recorded[0].over_socket && recorded[0].refused.is_none());
    assert_eq!(orchestrator.request_count(Endpoint::Event), 1);
}

#[actix_rt::test]
async fn an_event_may_lead_the_job_on_before_the_result() {
    let orchestrator = builder().start().await.unwrap();
    let (worker, task, job) = with_task(&orchestrator).await;
    accepted(
        &worker
            .event(&event("early", &task, json!({"from": "event"})))
            .await,
    );
    let late = worker.answer(&task, &json!({"data": {"late": true}})).await;
    assert_eq!(late.body["reason"], "stale_task");
    let next = worker.task().await;
    assert_eq!(next["type"], "next");
    worker.answer(&next, &json!({})).await;
    let report = job.finished().await;
    assert_eq!(
        (report.state, report.data),
        (JobState::Finished, json!({"from": "event"}))
    );
}

#[actix_rt::test]
async fn an_event_that_breaks_the_contract_is_not_taken() {
    let orchestrator = builder().start().await.unwrap();
    let (worker, task, _) = with_task(&orchestrator).await;
    let wrong = worker.event(&event("tick", &task, json!({}))).await;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (200, &json!("CONTRACT_VIOLATION_ERROR"))
    );
    accepted(&worker.event(&event("tick", &task, json!({"i": 1}))).await);
    accepted(&worker.event(&event("undeclared", &task, json!({}))).await);
    let refused: Vec<bool> = orchestrator
        .events()
        .iter()
        .map(|it| it.refused.is_some())
        .collect();
    assert_eq!(refused, [true, false, false]);
}

#[actix_rt::test]
async fn events_are_believed_as_other_messages_are() {
    let orchestrator = builder().start().await.unwrap();
    let (worker, task, _) = with_task(&orchestrator).await;
    let body = worker.event_body(&event("x", &task, json!({})));
    accepted(&worker.send("POST", EVENTS, body.clone()).await);
    let again = worker.send("POST", EVENTS, body).await;
    assert!(
        again.status == 403 && again.error().starts_with("Duplicate"),
        "{again:?}"
    );

    // The chain may grow on its way.
    let body = worker.event_body(&event("y", &task, json!({})));
    let mut longer: Value = serde_json::from_slice(&body).unwrap();
    longer["bubbling_chain"] = json!(["a", "b"]);
    accepted(
        &worker
            .send("POST", EVENTS, longer.to_string().into_bytes())
            .await,
    );

    let other = Client::new(&orchestrator, "v");
    let foreign = other.event(&event("x", &task, json!({}))).await;
    assert!(
        foreign.status == 403 && foreign.error().contains("not assigned"),
        "{foreign:?}"
    );
    let mut passed_on = event("x", &json!({}), json!({}));
    passed_on["origin_worker_id"] = "root".into();
    accepted(&other.event(&passed_on).await);
    let recorded = orchestrator.events();
    assert_eq!(
        recorded.last().unwrap().event["bubbling_chain"],
        json!(["v"])
    );

    let mut unreadable = event("x", &task, json!({}));
    unreadable.as_object_mut().unwrap().remove("payload");
    let unreadable = worker.event(&unreadable).await;
    assert_eq!(
        (unreadable.status, &unreadable.body["status"]),
        (200, &json!("error"))
    );
}

#[actix_rt::test]
async fn frames_of_the_socket_are_events_and_never_answered() {
    let orchestrator = builder().start().await.unwrap();
    let (worker, task, job) = with_task(&orchestrator).await;
    assert_eq!(
        connect(&worker, "/_worker/ws", TOKEN).await.err(),
        Some(404)
    );
    assert_eq!(
        connect(&worker, "/_worker/ws/w", "wrong").await.err(),
        Some(403)
    );
    let mut socket = connect(&worker, "/_worker/ws/w", TOKEN).await.unwrap();
    let progress = |part: f64| event("progress", &task, json!({"progress": part}));
    let signed = String::from_utf8(worker.event_body(&progress(0.5))).unwrap();
    for text in [progress(0.75).to_string(), "no json".to_owned(), signed] {
        socket.send(Message::Text(text.into())).await.unwrap();
    }
    orchestrator
        .wait_until(|view| view.events().count() == 2)
        .await;
    assert_eq!(job.report().progress, Some(json!(0.5)));
    let recorded = orchestrator.events();
    assert!(
        recorded[0].over_socket && recorded[0].refused.is_some(),
        "it was not signed"
    );
    assert!(recorded[1].over_socket && recorded[1].refused.is_none());
    // The next frame is an answer to our ping, not to any event.
    socket.send(Message::Ping("x".into())).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Frame::Pong(_)))));
}

#[actix_rt::test]
async fn commands_need_the_flag_of_a_heartbeat() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let flag = json!({"websockets": true});
    let skills = json!([{"name": "sleep"}]);
    worker
        .register_as(&json!({"supported_skills": skills, "capabilities": flag}))
        .await;
    let mut socket = connect(&worker, "/_worker/ws/w", TOKEN).await.unwrap();
    let sleep = || orchestrator.submit(JobSpec::task("sleep", json!({})));
    let job = sleep().await.unwrap();
    worker.task().await;
    assert_eq!(
        job.cancel().await,
        CancelOutcome::AtHeartbeat,
        "a registration loses it"
    );
    worker.heartbeat(&json!({"capabilities": flag})).await;
    let job = sleep().await.unwrap();
    let task = worker.task().await;
    assert_eq!(job.cancel().await, CancelOutcome::Sent);
    let Some(Ok(Frame::Text(text))) = socket.next().await else {
        panic!("a command was expected");
    };
    let command: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(command["task_id"], task["task_id"]);
}
