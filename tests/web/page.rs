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
