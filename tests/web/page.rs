//! The page for people and what it is fed with.

use axon_worker::transport::memory::MemoryOrchestrator;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{get, worker};

#[actix_rt::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, 0).unwrap();
    let port = worker.health_address().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let mut answer = awc::Client::default().get(&url).send().await.unwrap();
    let policy = answer.headers().get("content-security-policy").cloned();
    let page = String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap();
    assert!(
        policy
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    // The name of SVG, which is no address that anybody asks.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Texts of tasks and orchestrators must not become markup.
    assert!(!page.contains("innerHTML"));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_stream_tells_the_state_at_once_and_again() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, 0).unwrap();
    let id = orchestrator.submit("echo", &json!({"a": 1}));
    orchestrator.result_of(&id).await;
    let port = worker.health_address().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/stream");
    let mut answer = awc::Client::default().get(&url).send().await.unwrap();
    assert_eq!(
        answer.headers().get("content-type").unwrap(),
        "text/event-stream"
    );
    for _ in 0..2 {
        let event = answer.next().await.expect("an event").unwrap();
        let text = std::str::from_utf8(&event).unwrap();
        let data = text
            .trim_start_matches("retry: 1000\n")
            .strip_prefix("data: ")
            .and_then(|it| it.strip_suffix("\n\n"));
        let state: Value = serde_json::from_str(data.expect("one event")).unwrap();
        assert_eq!(state["worker_id"], worker.worker_id().as_str());
        assert_eq!(state["succeeded"], 1);
        assert_eq!(state["capacity"]["limit"], 10);
        assert_eq!(state["orchestrators"][0]["name"], "memory");
        assert_eq!(state["orchestrators"][0]["registered"], true);
        assert_eq!(state["ready"], true);
        assert_eq!(state["reasons"], json!([]));
        assert!(state["threads"]["control"].is_f64());
        assert!(state["uptime"].is_f64());
    }
    drop(answer);
    assert_eq!(get(&worker, "/health").await.0, 200);
    worker.shutdown().await;
}

/// The next event of a stream.
async fn event<S>(stream: &mut S) -> Value
where
    S: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>> + Unpin,
{
    let mut event = Vec::new();
    while !event.ends_with(b"\n\n") {
        event.extend(stream.next().await.expect("an event").unwrap());
    }
    let text = std::str::from_utf8(&event).unwrap();
    let data = text.split_once("data: ").expect("data").1;
    serde_json::from_str(data.trim_end()).unwrap()
}

#[actix_rt::test]
async fn a_page_that_has_just_been_opened_is_told_what_was_before() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator, 0).unwrap();
    let port = worker.health_address().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/stream");
    let open = async || awc::Client::default().get(&url).send().await.unwrap();
    let (mut other, mut done) = (open().await, 0);
    // Heartbeats follow changes, and what they tell is kept at most once a second.
    let history = loop {
        let id = orchestrator.submit("echo", &json!({}));
        orchestrator.result_of(&id).await;
        done += 1;
        event(&mut other).await;
        let state = event(&mut open().await).await;
        let history = state["history"].as_array().expect("a history").clone();
        if history.len() >= 2 {
            assert!(state["uptime"].as_f64() >= history[1]["time"].as_f64());
            break history;
        }
    };
    let (first, second) = (&history[0], &history[1]);
    assert!(first["time"].as_f64() < second["time"].as_f64());
    assert!(first["ended"].as_u64() <= second["ended"].as_u64());
    assert!(second["ended"].as_u64() <= Some(done));
    assert!(first["run"].is_f64() && second["latency"].is_f64());
    let later = event(&mut other).await;
    assert_eq!(later.get("history"), None, "once is enough");
    let (_, status) = get(&worker, "/status").await;
    assert!(!status.contains("\"history\""), "for pages only");
    drop(other);
    worker.shutdown().await;
}
