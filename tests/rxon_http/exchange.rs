//! The ordinary course of things.

use axon_worker::transport::rxon::RxonSetup;
use axon_worker::transport::{BeatReply, Receipt, Standing, Transport};
use serde_json::{Value, json};

use super::server::{Seen, Server, answer, ok};
use super::{TASK, TOKEN, card, poll, report, result, transport};

#[actix_rt::test]
async fn a_worker_registers_beats_polls_and_delivers_over_two_connections() {
    let server = Server::saying([
        ok(r#"{"status": "registered"}"#),
        ok(r#"{"status": "registered"}"#),
        ok(r#"{"worker_id": "worker-1", "reputation": 1.0}"#),
        answer(204, "", ""),
        ok(TASK),
        ok(r#"{"status": "ok"}"#),
        ok(r#"{"status": "ttl_refreshed"}"#),
        ok("null"),
        ok("null"),
    ])
    .await;
    let orchestrator = transport(&server.url);
    orchestrator.register(card(), report()).await.unwrap();
    let reply = orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(reply, BeatReply::default());
    assert!(poll(&orchestrator).await.unwrap().is_none());
    let task = poll(&orchestrator).await.unwrap().unwrap();
    assert_eq!(task.params.as_str(), r#"{"x": 1}"#);
    let receipt = orchestrator.deliver(result()).await.unwrap();
    assert_eq!(receipt, Receipt::Accepted);
    assert_eq!(orchestrator.probe().await.unwrap(), Standing::Known);
    assert_eq!(orchestrator.probe().await.unwrap(), Standing::Forgotten);
    assert!(orchestrator.heartbeat(report()).await.unwrap().forgotten);

    // What must not be repeated has one of its own.
    assert_eq!(server.connections(), 2);
    let seen = server.seen();
    let lines: Vec<_> = seen.iter().map(Seen::line).collect();
    assert_eq!(
        lines,
        [
            "POST /_worker/workers/register HTTP/1.1",
            "POST /_worker/workers/register HTTP/1.1",
            "PATCH /_worker/workers/worker-1 HTTP/1.1",
            "GET /_worker/workers/worker-1/tasks/next HTTP/1.1",
            "GET /_worker/workers/worker-1/tasks/next HTTP/1.1",
            "POST /_worker/tasks/result HTTP/1.1",
            "PATCH /_worker/workers/worker-1 HTTP/1.1",
            "PATCH /_worker/workers/worker-1 HTTP/1.1",
            "PATCH /_worker/workers/worker-1 HTTP/1.1",
        ]
    );
    let version = concat!("axon-worker/", env!("CARGO_PKG_VERSION"));
    for (n, request) in seen.iter().enumerate() {
        assert_eq!(request.header("x-worker-token"), Some(TOKEN));
        // The answer to the registration tells which it is.
        let rxon = if n < 2 { "1.0b17" } else { "1.0b2" };
        assert_eq!(request.header("x-rxon-version"), Some(rxon));
        assert_eq!(request.header("accept-encoding"), Some("gzip, deflate"));
        assert_eq!(request.header("user-agent"), Some(version));
        assert_eq!(request.header("host"), server.url.strip_prefix("http://"));
        if !request.body.is_empty() {
            assert_eq!(request.header("content-type"), Some("application/json"));
        }
    }
    assert!(seen[6].body.is_empty(), "a probe has no body");
    let read = |n: usize| serde_json::from_slice::<Value>(&seen[n].body).unwrap();
    // In the form for all orchestrators, and then in that of this one, which stays.
    assert!(read(0).get("supported_skills").is_some());
    assert_eq!(read(1).get("supported_skills"), None);
    assert_eq!(read(1)["capabilities"]["websockets"], true);
    assert_eq!(read(2)["skill_dependencies"], json!({"echo": ["model"]}));
    assert_eq!(read(2)["current_tasks"], json!(["t"]));
    assert_eq!(read(5)["data"], json!({"x": 1}));
}

#[actix_rt::test]
async fn a_newer_orchestrator_says_that_it_ignored_a_result() {
    let ignored = r#"{"status":"ignored","reason":"job_not_found"}"#;
    let server = Server::saying([ok(ignored)]).await;
    let receipt = transport(&server.url).deliver(result()).await.unwrap();
    assert_eq!(receipt, Receipt::Ignored("job_not_found".to_owned()));
}

#[actix_rt::test]
async fn an_address_may_have_a_prefix() {
    let server = Server::saying([ok("null")]).await;
    let orchestrator = transport(&format!("{}/some/where/", server.url));
    orchestrator.probe().await.unwrap();
    let expected = "PATCH /some/where/_worker/workers/worker-1 HTTP/1.1";
    assert_eq!(server.seen()[0].line(), expected);
}

#[actix_rt::test]
async fn debug_texts_do_not_show_the_token() {
    let text = format!("{:?}", transport("http://127.0.0.1:1"));
    assert!(text.contains("127.0.0.1:1"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn a_checked_setup_travels_to_the_thread_that_uses_it() {
    fn is_send<T: Send>() {}
    is_send::<RxonSetup>();
}
