//! What every request meets: sizes, encodings, methods, tokens.

use std::io::Write;

use awc::http::StatusCode;
use axon_worker::dev::{DevOrchestrator, Endpoint};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::client::{Client, TOKEN};

#[actix_rt::test]
async fn a_body_over_one_mebibyte_is_refused_with_413() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let url = format!("{}/_worker/tasks/result", orchestrator.url());
    // White space, so that only the size is at fault.
    for (size, status) in [(1024 * 1024, 500), (1024 * 1024 + 1, 413)] {
        let mut body = r#"{"job_id":"j","task_id":"t"}"#.to_owned();
        body.push_str(&" ".repeat(size - body.len()));
        let response = worker.http.post(&url).send_body(body).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
    let statuses: Vec<_> = orchestrator
        .requests_to(Endpoint::Result)
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [Some(500), Some(413)]);
}

#[actix_rt::test]
async fn a_compressed_request_is_understood() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let record = json!({"worker_id": "w", "supported_tasks": ["echo"]});
    encoder.write_all(record.to_string().as_bytes()).unwrap();
    let response = worker
        .http
        .post(format!("{}/_worker/workers/register", orchestrator.url()))
        .insert_header(("Content-Encoding", "gzip"))
        .send_body(encoder.finish().unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        orchestrator.worker("w").unwrap().list("supported_tasks"),
        ["echo"]
    );
    assert_eq!(orchestrator.requests()[0].json(), record);
}

#[actix_rt::test]
async fn small_answers_are_not_compressed_and_large_ones_are() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let url = format!("{}/_worker/workers/w", orchestrator.url());
    for (padding, encoding) in [(100, None), (1000, Some("gzip"))] {
        let response = worker
            .http
            .patch(&url)
            .no_decompress()
            .insert_header(("Accept-Encoding", "gzip, deflate"))
            .send_json(&json!({"padding": "x".repeat(padding)}))
            .await
            .unwrap();
        let header = response.headers().get("content-encoding");
        assert_eq!(header.and_then(|value| value.to_str().ok()), encoding);
    }
}

#[actix_rt::test]
async fn unknown_paths_are_404_and_wrong_methods_405() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    assert_eq!(worker.send("GET", "/_worker/nope", None).await.status, 404);
    assert_eq!(
        worker.send("PUT", "/_worker/workers/w", None).await.status,
        405
    );
    assert_eq!(
        worker
            .send("GET", "/_worker/tasks/result", None)
            .await
            .status,
        405
    );
}

#[actix_rt::test]
async fn a_refusal_names_no_token_and_the_log_holds_none() {
    let orchestrator = DevOrchestrator::builder()
        .token("the-secret")
        .start()
        .await
        .unwrap();
    let worker = Client::new(&orchestrator, "w");
    let answer = worker.register(&[]).await;
    assert_eq!(answer.status, 401);
    let debug = format!(
        "{orchestrator:?} {:?} {:?}",
        orchestrator.requests(),
        answer.body
    );
    assert!(
        !debug.contains("the-secret") && !debug.contains(TOKEN),
        "{debug}"
    );
}
