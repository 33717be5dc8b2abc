//! Events, progress and calls of skills without a WebSocket.

use std::collections::BTreeMap;

use axon_worker::RawJson;
use axon_worker::config::RxonVersion;
use axon_worker::transport::rxon::security::MessageKind;
use axon_worker::transport::{Event, ProgressUpdate, SkillCall, Transport, TransportError};
use serde_json::{Value, json};

use super::server::{Server, answer, ok};
use super::signatures::{refusal, signed};
use super::speaking;

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        task_id: "t".into(),
        job_id: "j".into(),
        name: "tick".to_owned(),
        payload: RawJson::from_serialize(&json!({"i": 1.0})).unwrap(),
        priority: 2.5,
        trace_context: BTreeMap::from([("traceparent".to_owned(), "00-1-2-3".to_owned())]),
    }
}

fn update(progress: f64) -> ProgressUpdate {
    ProgressUpdate {
        task_id: "t".into(),
        job_id: "j".into(),
        progress,
        message: "half".to_owned(),
        data: None,
        trace_context: BTreeMap::new(),
    }
}

fn accepted() -> Vec<u8> {
    ok(r#"{"status":"event_accepted"}"#)
}

#[actix_rt::test]
async fn events_and_progress_are_posted_and_signed() {
    let server = Server::saying([accepted(), accepted()]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    assert!(orchestrator.event(event("e-1")).await.unwrap());
    orchestrator.progress(update(0.5)).await.unwrap();
    let seen = server.seen();
    let told = signed(MessageKind::Event, &seen[0]);
    assert_eq!(seen[0].line(), "POST /_worker/events HTTP/1.1");
    assert_eq!(told["event_id"], "e-1");
    assert_eq!(told["event_type"], "tick");
    assert_eq!(told["payload"], json!({"i": 1}));
    assert_eq!(told["priority"], 2.5);
    assert_eq!(told["trace_context"]["traceparent"], "00-1-2-3");
    assert_eq!(told["origin_worker_id"], "worker-1");
    assert_eq!(
        (&told["target_job_id"], &told["origin_task_id"]),
        (&json!("j"), &json!("t"))
    );
    let progress = signed(MessageKind::Event, &seen[1]);
    assert_eq!(progress["event_type"], "progress");
    assert_eq!(
        progress["payload"],
        json!({"progress": 0.5, "message": "half"})
    );
    assert_ne!(progress["event_id"], told["event_id"]);
}

#[actix_rt::test]
async fn a_refused_event_says_why_and_nothing_else_suffers() {
    let violation = r#"{"status":"error","code":"CONTRACT_VIOLATION_ERROR","message":"i"}"#;
    for (said, part) in [
        (ok(violation), "CONTRACT_VIOLATION_ERROR: i"),
        (
            refusal(403, "Forbidden: job of another worker"),
            "another worker",
        ),
        (refusal(400, "bad"), "bad"),
    ] {
        let server = Server::saying([said]).await;
        let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
        match orchestrator.event(event("e")).await.unwrap_err() {
            TransportError::Refused { reason } => assert!(reason.contains(part), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn an_event_that_was_seen_before_has_arrived() {
    let seen_before = refusal(403, "Duplicate message detected (replay attack)");
    let server = Server::saying([seen_before]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    assert!(orchestrator.event(event("e")).await.unwrap());
}

/// Every request, also a refused one, begins the window of the rate limit anew.
#[actix_rt::test]
async fn after_a_rate_limit_events_are_silent_for_longer_than_its_window() {
    let limited = refusal(429, r#"{"error":"Too Many Requests"}"#);
    let server = Server::playing([
        vec![super::server::Act::Say(limited)],
        vec![super::server::Act::Say(accepted())],
    ])
    .await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    let limited = |error: TransportError| matches!(error, TransportError::RateLimited { .. });
    assert!(limited(orchestrator.event(event("a")).await.unwrap_err()));
    assert!(limited(
        orchestrator.progress(update(0.1)).await.unwrap_err()
    ));
    assert!(limited(orchestrator.event(event("b")).await.unwrap_err()));
    assert_eq!(server.seen().len(), 1);
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(66)).await;
    tokio::time::resume();
    assert!(orchestrator.event(event("c")).await.unwrap());
    assert_eq!(server.seen().len(), 2);
}

#[actix_rt::test]
async fn the_older_dialect_has_no_events() {
    let orchestrator = speaking("http://127.0.0.1:1", RxonVersion::V1_0b2);
    assert!(!orchestrator.event(event("e")).await.unwrap());
    orchestrator.progress(update(0.5)).await.unwrap();
}

fn call() -> SkillCall {
    SkillCall {
        task_id: "t".into(),
        job_id: "j".into(),
        skill: "echo".into(),
        params: RawJson::from_serialize(&json!({"q": 1})).unwrap(),
        trace_context: BTreeMap::new(),
    }
}

#[actix_rt::test]
async fn a_call_of_a_skill_returns_what_came_back() {
    let server = Server::saying([ok(r#"{"status":"success","data":{"x":1.0}}"#)]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    let answer = orchestrator.call_skill(call()).await.unwrap();
    assert_eq!(answer.as_str(), r#"{"status":"success","data":{"x":1.0}}"#);
    let seen = server.seen();
    assert_eq!(seen[0].line(), "POST /skills/call HTTP/1.1");
    let sent: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(sent, json!({"skill_name": "echo", "params": {"q": 1}}));
    let server = Server::saying([ok("<html>")]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    let error = orchestrator.call_skill(call()).await.unwrap_err();
    assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
}

/// No measured orchestrator has this endpoint.
#[actix_rt::test]
async fn an_orchestrator_without_calls_of_skills_is_named_as_such() {
    let missing = answer(404, "content-type: text/plain\r\n", "404: Not Found");
    let server = Server::saying([missing]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    match orchestrator.call_skill(call()).await.unwrap_err() {
        TransportError::Refused { reason } => {
            assert!(
                reason.contains("/skills/call") && reason.contains("echo"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
}
