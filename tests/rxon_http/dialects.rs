//! Finding out which dialect an orchestrator speaks, and keeping to it.

use axon_worker::config::RxonVersion;
use axon_worker::transport::rxon::SetupError;
use axon_worker::transport::rxon::security::MessageKind;
use axon_worker::transport::{Receipt, Transport, TransportError};
use serde_json::{Value, json};

use super::server::{Act, Seen, Server, answer, ok};
use super::signatures::{HEADERS, beaten, no_replay, refusal, registered, signed};
use super::{TASK, TOKEN, card, poll, report, result, setup, speaking, transport};

const RECORD: &str = r#"{"worker_id": "worker-1", "status": "idle", "reputation": 1.0}"#;

#[actix_rt::test]
async fn a_newer_orchestrator_is_recognised_and_spoken_to_in_its_dialect() {
    let server = Server::saying([
        registered(),
        beaten(),
        answer(204, "", ""),
        ok(TASK),
        ok(r#"{"status":"accepted","transition":"success_transition"}"#),
    ])
    .await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    assert!(poll(&orchestrator).await.unwrap().is_none());
    poll(&orchestrator).await.unwrap().unwrap();
    let receipt = orchestrator.deliver(result()).await.unwrap();
    assert_eq!(receipt, Receipt::Accepted);

    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.header("x-rxon-version"), Some("1.0b17"));
        assert_eq!(request.header("x-worker-id"), Some("worker-1"));
        assert_eq!(request.header("x-worker-token"), Some(TOKEN));
    }
    let registration = signed(MessageKind::Registration, &seen[0]);
    assert_eq!(registration["supported_tasks"], json!(["echo"]));
    assert_eq!(registration["supported_skills"][0]["name"], "echo");
    let beat = signed(MessageKind::Heartbeat, &seen[1]);
    assert_eq!(beat["current_tasks"], json!(["t", "j"]));
    assert_eq!(beat["skills_hash"], registration["skills_hash"]);
    assert_eq!(beat.get("supported_tasks"), None);
    let query = "timeout=2.0&available_skills=echo&hot_skills=";
    let line = format!("GET /_worker/workers/worker-1/tasks/next?{query} HTTP/1.1");
    assert_eq!((seen[2].line(), seen[3].line()), (&*line, &*line));
    let result = signed(MessageKind::Result, &seen[4]);
    assert_eq!(result["origin_worker_id"], "worker-1");
    assert_eq!(result["status"], "success");
    no_replay([&registration, &beat, &result]);
}

#[actix_rt::test]
async fn the_header_alone_is_enough_to_recognise_it() {
    let bare = answer(200, HEADERS, r#"{"status":"registered"}"#);
    let server = Server::saying([bare, beaten()]).await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    signed(MessageKind::Heartbeat, &server.seen()[1]);
}

/// What kinds of registrations have arrived, and in which form heartbeats came.
fn forms(server: &Server) -> Vec<(&'static str, bool)> {
    let form = |request: &Seen| {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let is_signed = message.get("security").is_some();
        let older = message.get("supported_tasks").is_some();
        let newer = message.get("supported_skills").is_some();
        let name = match (request.line().starts_with("PATCH"), older, newer) {
            (true, _, _) => "beat",
            (false, true, true) => "for both",
            (false, true, false) => "older",
            (false, false, _) => "newer",
        };
        (name, is_signed)
    };
    server.seen().iter().map(form).collect()
}

#[actix_rt::test]
async fn every_registration_finds_it_out_anew() {
    let older = || ok(r#"{"status": "registered"}"#);
    let missing = || refusal(403, "Missing required timestamp for replay protection");
    let server = Server::saying([
        registered(),
        beaten(),
        // It is an older one now ...
        older(),
        older(),
        ok(RECORD),
        // ... still is ...
        older(),
        ok(RECORD),
        // ... and a newer one again.
        missing(),
        registered(),
        beaten(),
    ])
    .await;
    let orchestrator = transport(&server.url);
    for _ in 0..4 {
        orchestrator.register(card(), report()).await.unwrap();
        orchestrator.heartbeat(report()).await.unwrap();
    }
    let expected = [
        ("for both", true),
        ("beat", true),
        ("for both", true),
        ("older", false),
        ("beat", false),
        ("older", false),
        ("beat", false),
        ("older", false),
        ("for both", true),
        ("beat", true),
    ];
    assert_eq!(forms(&server), expected);
    let seen = server.seen();
    let kind = MessageKind::Registration;
    let registrations = [0, 2, 8].map(|n: usize| signed(kind, &seen[n]));
    no_replay(&registrations);
    assert_eq!(seen[4].header("x-worker-id"), None);
    assert_eq!(seen[4].header("x-rxon-version"), Some("1.0b2"));
}

#[actix_rt::test]
async fn an_older_orchestrator_that_fails_the_second_time_knows_us_all_the_same() {
    let older = ok(r#"{"status": "registered"}"#);
    let server = Server::saying([older, refusal(500, "oh"), ok(RECORD)]).await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    let expected = [("for both", true), ("older", false), ("beat", false)];
    assert_eq!(forms(&server), expected);
}

#[actix_rt::test]
async fn one_that_went_back_to_the_older_dialect_is_registered_with_anew() {
    let server = Server::saying([registered(), ok(RECORD)]).await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    assert!(orchestrator.heartbeat(report()).await.unwrap().forgotten);
}

#[actix_rt::test]
async fn one_of_the_newer_dialect_that_answers_with_a_record_is_asked_once() {
    let server = Server::saying([
        registered(),
        ok(RECORD),
        registered(),
        ok(RECORD),
        ok(RECORD),
    ])
    .await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    assert!(orchestrator.heartbeat(report()).await.unwrap().forgotten);
    orchestrator.register(card(), report()).await.unwrap();
    for _ in 0..2 {
        assert!(!orchestrator.heartbeat(report()).await.unwrap().forgotten);
    }

    let with_version = Server::saying([registered(), answer(200, HEADERS, RECORD)]).await;
    let orchestrator = transport(&with_version.url);
    orchestrator.register(card(), report()).await.unwrap();
    assert!(!orchestrator.heartbeat(report()).await.unwrap().forgotten);
}

#[actix_rt::test]
async fn one_that_came_to_the_newer_dialect_refuses_us_until_we_register() {
    let missing = "Missing required timestamp for replay protection";
    let older = || ok(r#"{"status": "registered"}"#);
    let server = Server::saying([older(), older(), refusal(403, missing)]).await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    let error = orchestrator.heartbeat(report()).await.unwrap_err();
    assert!(matches!(error, TransportError::Unauthorized { .. }));
}

#[actix_rt::test]
async fn two_orchestrators_are_each_spoken_to_in_their_own_dialect() {
    let answer = || ok(r#"{"status": "registered"}"#);
    let older = Server::saying([answer(), answer(), ok(RECORD)]).await;
    let newer = Server::saying([registered(), beaten()]).await;
    let both = [transport(&older.url), transport(&newer.url)];
    for orchestrator in &both {
        orchestrator.register(card(), report()).await.unwrap();
    }
    for orchestrator in &both {
        orchestrator.heartbeat(report()).await.unwrap();
    }
    let is_signed = |request: &Seen| {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        message.get("security").is_some()
    };
    assert!(!is_signed(&older.seen()[2]));
    assert!(is_signed(&newer.seen()[1]));
}

#[actix_rt::test]
async fn the_older_dialect_alone_is_not_signed_and_the_refusal_says_why() {
    let missing = "Missing required timestamp for replay protection";
    let server = Server::saying([refusal(403, missing)]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b2);
    let error = orchestrator.register(card(), report()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(missing), "{text}");
    assert!(text.contains("speaks RXON 1.0b17"), "{text}");
    let seen = server.seen();
    let sent: Value = serde_json::from_slice(&seen[0].body).unwrap();
    for newer in ["security", "supported_skills", "timestamp", "nonce"] {
        assert_eq!(sent.get(newer), None, "{newer}");
    }
    assert_eq!(seen[0].header("x-rxon-version"), Some("1.0b2"));
}

#[actix_rt::test]
async fn the_newer_dialect_alone_has_nothing_of_the_older() {
    let server = Server::saying([registered(), answer(204, "", "")]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    orchestrator.register(card(), report()).await.unwrap();
    let sent = signed(MessageKind::Registration, &server.seen()[0]);
    for older in ["supported_tasks", "installed_models", "status"] {
        assert_eq!(sent.get(older), None, "{older}");
    }
    poll(&orchestrator).await.unwrap();
    assert!(server.seen()[1].line().contains("?timeout=2.0"));
}

#[actix_rt::test]
async fn what_cannot_be_signed_needs_an_older_orchestrator() {
    let refused = setup("http://127.0.0.1:1", "", RxonVersion::V1_0b17).unwrap_err();
    assert!(matches!(refused, SetupError::NoToken { .. }), "{refused}");
    let server = Server::saying([ok(r#"{"status": "registered"}"#)]).await;
    let without = setup(&server.url, "", RxonVersion::Auto).unwrap();
    let orchestrator = without.open(axon_worker::OrchestratorId(0));
    orchestrator.register(card(), report()).await.unwrap();
    let sent: Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
    assert_eq!(sent.get("security"), None);
    assert_eq!(sent["supported_tasks"], json!(["echo"]));
}

/// Names of many skills do not fit into an address; the poll goes without them.
#[actix_rt::test]
async fn a_very_long_offer_is_left_out_of_the_address() {
    let server = Server::playing([vec![Act::Say(answer(204, "", ""))]]).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b17);
    let names: Vec<_> = (0..1000).map(|n| format!("skill-{n}").into()).collect();
    let offer = axon_worker::transport::Offer {
        available: names.into(),
        hot: [].into(),
    };
    orchestrator.poll(offer).await.unwrap();
    let seen = server.seen();
    assert!(seen[0].line().ends_with("/tasks/next?timeout=2.0 HTTP/1.1"));
}
