//! RXON 1.0b17: what is told once, what is told again, and what refusals mean.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_http::header::HttpDate;
use axon_worker::config::RxonVersion;
use axon_worker::transport::rxon::RxonHttp;
use axon_worker::transport::rxon::security::MessageKind;
use axon_worker::transport::{
    CancelTarget, Habits, Receipt, Report, Standing, Transport, TransportError, Usage,
};
use axon_worker::{OrchestratorId, Outcome, RawJson, Reply, Task, TaskResult};
use serde_json::{Value, json};

use super::server::{Act, Seen, Server, answer, ok};
use super::signatures::{HEADERS, beaten, no_replay, refusal, registered, signed};
use super::{card, report, result, speaking, transport};

const DUPLICATE: &str = "Duplicate message detected (replay attack)";

/// A transport that has registered, and its server with these answers to come.
async fn known(answers: impl IntoIterator<Item = Vec<u8>>) -> (Server, RxonHttp) {
    let acts = answers.into_iter().map(Act::Say);
    let acts = std::iter::once(Act::Say(registered())).chain(acts);
    playing(acts.collect()).await
}

async fn playing(acts: Vec<Act>) -> (Server, RxonHttp) {
    let server = Server::playing([acts, vec![Act::Say(beaten()), Act::Say(beaten())]]).await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    (server, orchestrator)
}

/// The heartbeats that have arrived, in order.
fn beats(server: &Server) -> Vec<Value> {
    let seen = server.seen();
    let is_beat = |it: &&Seen| it.line().starts_with("PATCH") && !it.body.is_empty();
    seen.iter()
        .filter(is_beat)
        .map(|it| signed(MessageKind::Heartbeat, it))
        .collect()
}

#[actix_rt::test]
async fn the_way_for_cancels_is_told_once_after_each_registration() {
    let answers = [beaten(), beaten(), registered(), beaten()];
    let (server, orchestrator) = known(answers).await;
    orchestrator.heartbeat(report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    orchestrator.register(card(), report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    let beats = beats(&server);
    let told: Vec<_> = beats
        .iter()
        .map(|beat| beat["capabilities"]["websockets"] == true)
        .collect();
    assert_eq!(told, [true, false, true]);
    no_replay(&beats);
}

#[actix_rt::test]
async fn a_worker_that_takes_no_commands_says_nothing_of_a_way_for_them() {
    let server = Server::saying([registered(), beaten()]).await;
    let orchestrator = transport(&server.url);
    let mut card = (*card()).clone();
    card.takes_commands = false;
    orchestrator
        .register(Arc::new(card), report())
        .await
        .unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(beats(&server)[0].get("capabilities"), None);
}

#[actix_rt::test]
async fn a_heartbeat_that_failed_has_told_nothing() {
    let answers = [refusal(500, "oh"), beaten(), beaten()];
    let (server, orchestrator) = known(answers).await;
    let busy = Report {
        usage: Some(Arc::new(Usage {
            cpu_load_percent: 50.0,
            ..Usage::default()
        })),
        ..report()
    };
    orchestrator.heartbeat(busy.clone()).await.unwrap_err();
    orchestrator.heartbeat(busy.clone()).await.unwrap();
    orchestrator.heartbeat(busy).await.unwrap();
    let beats = beats(&server);
    for part in ["capabilities", "usage"] {
        let told: Vec<_> = beats.iter().map(|beat| beat.get(part).is_some()).collect();
        assert_eq!(told, [true, true, false], "{part}");
    }
}

#[actix_rt::test]
async fn usage_is_told_when_it_has_moved() {
    let (server, orchestrator) =
        known([beaten(), beaten(), beaten(), registered(), beaten()]).await;
    let beat = async |load: f64| {
        let usage = Usage {
            cpu_load_percent: load,
            ..Usage::default()
        };
        let report = Report {
            usage: Some(Arc::new(usage)),
            ..report()
        };
        orchestrator.heartbeat(report).await.unwrap();
    };
    beat(10.0).await;
    beat(15.0).await;
    beat(15.5).await;
    // One that forgot us has forgotten that, too.
    orchestrator.register(card(), report()).await.unwrap();
    beat(15.5).await;
    let told: Vec<_> = beats(&server)
        .iter()
        .map(|beat| beat["usage"]["cpu_load_percent"].as_f64())
        .collect();
    assert_eq!(told, [Some(10.0), None, Some(15.5), Some(15.5)]);
}

#[actix_rt::test]
async fn the_catalogue_is_sent_again_when_it_is_asked_for() {
    let asking = r#"{"status":"ok","require_full_sync":true,"cancel_task_ids":["a"]}"#;
    let answers = [
        ok(asking),
        ok(r#"{"status":"ok","cancel_task_ids":["b"]}"#),
        beaten(),
    ];
    let (server, orchestrator) = known(answers).await;
    let reply = orchestrator.heartbeat(report()).await.unwrap();
    let targets = ["a", "b"].map(|id| CancelTarget(id.to_owned()));
    assert_eq!(reply.cancel, targets, "nothing of either answer is lost");
    orchestrator.heartbeat(report()).await.unwrap();
    let beats = beats(&server);
    let told: Vec<_> = beats
        .iter()
        .map(|beat| {
            let whole = beat["supported_skills"][0]["name"] == "echo";
            (whole, beat.get("skills_hash").is_some())
        })
        .collect();
    // With its hash beside it, the catalogue would be thrown away.
    assert_eq!(told, [(false, true), (true, false), (false, true)]);
    no_replay(&beats);
}

/// One that never has enough is not asked in a circle.
#[actix_rt::test]
async fn an_orchestrator_that_wants_the_catalogue_all_the_time_gets_it_once_per_beat() {
    let asking = || ok(r#"{"status":"ok","require_full_sync":true}"#);
    let (server, orchestrator) = known([asking(), asking(), asking(), asking()]).await;
    orchestrator.heartbeat(report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(beats(&server).len(), 4);
}

#[actix_rt::test]
async fn a_heartbeat_says_how_long_to_wait() {
    let later = r#"{"status":"ok","next_heartbeat_jitter_ms":"750"}"#;
    let (_server, orchestrator) = known([ok(later)]).await;
    let reply = orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(reply.extra_delay, Some(Duration::from_millis(750)));
}

#[actix_rt::test]
async fn now_and_then_a_heartbeat_asks_whether_we_are_known() {
    let server = Server::playing([
        vec![Act::Say(registered()), Act::Say(beaten())],
        vec![
            Act::Say(beaten()),
            Act::Say(ok(r#"{"status":"ttl_refreshed"}"#)),
            Act::Say(beaten()),
        ],
        vec![Act::Say(beaten()), Act::Say(ok("null"))],
    ])
    .await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    let beat = async || orchestrator.heartbeat(report()).await.unwrap().forgotten;
    let minute = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    };
    assert!(!beat().await);
    minute().await;
    assert!(!beat().await);
    assert!(!beat().await);
    minute().await;
    assert!(beat().await, "the orchestrator does not know us any more");
    let seen = server.seen();
    let probes: Vec<_> = seen.iter().map(|it| it.body.is_empty()).collect();
    let expected = [false, false, false, true, false, false, true];
    assert_eq!(probes, expected);
}

#[actix_rt::test]
async fn a_probe_is_neither_signed_nor_has_a_body() {
    let (server, orchestrator) = known([ok(r#"{"status":"ttl_refreshed"}"#), ok("null")]).await;
    assert_eq!(orchestrator.probe().await.unwrap(), Standing::Known);
    assert_eq!(orchestrator.probe().await.unwrap(), Standing::Forgotten);
    assert!(server.seen()[1].body.is_empty());
}

#[actix_rt::test]
async fn a_heartbeat_taken_for_a_replay_is_sent_as_another() {
    let (server, orchestrator) = known([refusal(403, DUPLICATE), beaten()]).await;
    orchestrator.heartbeat(report()).await.unwrap();
    no_replay(&beats(&server));
    let (_server, orchestrator) = known([refusal(403, DUPLICATE), refusal(403, DUPLICATE)]).await;
    let error = orchestrator.heartbeat(report()).await.unwrap_err();
    assert!(matches!(error, TransportError::Unauthorized { .. }));
}

#[actix_rt::test]
async fn a_result_that_was_seen_before_has_arrived() {
    let (_server, orchestrator) = known([refusal(403, DUPLICATE)]).await;
    let receipt = orchestrator.deliver(result()).await.unwrap();
    assert_eq!(receipt, Receipt::Accepted);
}

#[actix_rt::test]
async fn an_ignored_result_is_told_with_its_reason() {
    for reason in [
        "job_not_found",
        "worker_mismatch",
        "stale_task",
        "deadline_exceeded",
        "job_already_terminated",
        "middleware_error",
    ] {
        let body = json!({"status": "ignored", "reason": reason, "message": "m"}).to_string();
        let (_server, orchestrator) = known([ok(body)]).await;
        let receipt = orchestrator.deliver(result()).await.unwrap();
        assert_eq!(receipt, Receipt::Ignored(reason.to_owned()));
    }
}

#[actix_rt::test]
async fn each_attempt_with_a_result_is_a_message_of_its_own() {
    let acts = vec![
        Act::Say(registered()),
        Act::Say(refusal(500, "No suitable workers")),
        Act::SayAndHang(Vec::new()),
    ];
    let (server, orchestrator) = playing(acts).await;
    let error = orchestrator.deliver(result()).await.unwrap_err();
    assert!(matches!(error, TransportError::Faulted { .. }));
    let error = orchestrator.deliver(result()).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    let receipt = orchestrator.deliver(result()).await.unwrap();
    assert_eq!(receipt, Receipt::Accepted);
    let seen = server.seen();
    let results = [1, 2, 3].map(|n: usize| signed(MessageKind::Result, &seen[n]));
    no_replay(&results);
}

/// A 500 of the older dialect can be a refusal for good. Here it is not.
#[actix_rt::test]
async fn a_500_is_a_fault_whatever_its_text() {
    let (_server, orchestrator) = known([refusal(500, "Job not found")]).await;
    let error = orchestrator.deliver(result()).await.unwrap_err();
    assert!(matches!(error, TransportError::Faulted { .. }), "{error}");
    let (_server, orchestrator) = known([refusal(400, "Invalid TaskResult payload")]).await;
    let error = orchestrator.deliver(result()).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
}

fn success(data: &Value) -> Arc<TaskResult> {
    let task = Task::new(OrchestratorId(0), "t", "j", "echo", RawJson::empty_object());
    let outcome = Outcome::Completed(Reply::success(data).unwrap());
    Arc::new(TaskResult::of(&task, outcome, Duration::ZERO))
}

#[actix_rt::test]
async fn a_result_that_cannot_be_signed_is_refused_with_the_place() {
    let orchestrator = speaking("http://127.0.0.1:1", RxonVersion::V1_0b17);
    let large: Value = serde_json::from_str(r#"{"sizes":[1,1e22]}"#).unwrap();
    match orchestrator.deliver(success(&large)).await.unwrap_err() {
        TransportError::Refused { reason } => {
            assert!(reason.starts_with("data.sizes[1]: "), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn how_large_a_result_may_be_is_for_the_orchestrator_to_say() {
    let (server, orchestrator) = known([beaten(), refusal(413, "too large")]).await;
    let large = || success(&json!({ "x": "x".repeat(6_000_000) }));
    orchestrator.deliver(large()).await.unwrap();
    assert!(server.seen()[1].body.len() > 6_000_000);
    let error = orchestrator.deliver(large()).await.unwrap_err();
    assert!(matches!(error, TransportError::TooLarge { size } if size > 6_000_000));
}

#[actix_rt::test]
async fn errors_in_quotes_once_too_often_are_read() {
    let inner = r#"{"error":"Unauthorized: No valid token found"}"#;
    let (_server, orchestrator) = known([refusal(403, inner)]).await;
    let error = orchestrator.heartbeat(report()).await.unwrap_err();
    let reason = "status 403: Unauthorized: No valid token found".to_owned();
    assert_eq!(error, TransportError::Unauthorized { reason });
    let (_server, orchestrator) = known([refusal(429, r#"{"error":"Too Many Requests"}"#)]).await;
    let error = orchestrator.heartbeat(report()).await.unwrap_err();
    assert_eq!(error, TransportError::RateLimited { retry_after: None });
}

#[actix_rt::test]
async fn a_refusal_because_of_the_time_says_whose_clock_is_off() {
    let theirs = HttpDate::from(SystemTime::now() - Duration::from_mins(10));
    let headers = format!("{HEADERS}date: {theirs}\r\n");
    let body = r#"{"error":"Message timestamp expired (replay protection)"}"#;
    let (_server, orchestrator) = known([answer(403, &headers, body)]).await;
    let text = orchestrator
        .heartbeat(report())
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("timestamp expired"), "{text}");
    let seconds = text
        .split("the clock of this machine is ")
        .nth(1)
        .and_then(|rest| rest.split(" s ahead of the orchestrator's").next())
        .and_then(|seconds| seconds.parse::<u64>().ok())
        .expect(&text);
    assert!((595..=660).contains(&seconds), "{text}");
}

#[actix_rt::test]
async fn its_ways_are_known_once_it_is_known() {
    let (_server, newer) = known([]).await;
    assert!(newer.habits().counts_requests);
    assert!(newer.habits().dispatch_lag >= Duration::from_secs(2));
    let answer = || ok(r#"{"status": "registered"}"#);
    let server = Server::saying([answer(), answer()]).await;
    let older = transport(&server.url);
    older.register(card(), report()).await.unwrap();
    let mut expected = Habits::default();
    expected.lease = Some(Duration::from_mins(2));
    assert_eq!(older.habits(), expected);
}
