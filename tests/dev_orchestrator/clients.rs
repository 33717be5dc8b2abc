//! The interface of clients, and the news.

use axon_worker::dev::{DevNews, DevOrchestrator, Dialect, JobState};
use serde_json::json;

use super::client::Client;

#[actix_rt::test]
async fn a_job_of_one_task_goes_the_whole_way_over_http() {
    for dialect in [Dialect::V1_0b2, Dialect::V1_0b17] {
        let builder = DevOrchestrator::builder().dialect(dialect);
        let orchestrator = builder.start().await.unwrap();
        let client = Client::new(&orchestrator, "nobody");
        let body = json!({"initial_data": {"a": 1}});
        let answer = client.send("POST", "/api/v1/jobs/echo", Some(&body)).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (202, &json!("accepted"))
        );
        let path = format!("/api/v1/jobs/{}", answer.body["job_id"].as_str().unwrap());
        let record = client.send("GET", &path, None).await.body;
        assert_eq!(record["status"], "pending");

        // Without `initial_data`, everything is.
        let body = json!({"b": 2});
        let answer = client.send("POST", "/api/v9/jobs/echo", Some(&body)).await;
        assert_eq!(answer.status, 202);
        assert_eq!(orchestrator.counts().waiting, 2);

        let cancelled = client.send("POST", &format!("{path}/cancel"), None).await;
        assert_eq!(cancelled.body["status"], "cancellation_request_accepted");
        let record = client.send("GET", &path, None).await.body;
        assert_eq!(record["status"], "cancelled");
        let again = client.send("POST", &format!("{path}/cancel"), None).await;
        assert_eq!(again.status, 404);
    }
}

#[actix_rt::test]
async fn the_record_has_progress_and_what_came_of_it() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let mut news = orchestrator.news();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let spec = json!({"start": "one", "steps": {"one": {"task": "echo", "params": {"a": 1}}}});
    let answer = worker.send("POST", "/api/v1/jobs", Some(&spec)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let task = worker.task().await;
    assert_eq!(task["params"], json!({"a": 1}));
    let path = format!("/api/v1/jobs/{}", task["job_id"].as_str().unwrap());
    let record = worker.send("GET", &path, None).await.body;
    assert_eq!(record["status"], "waiting_for_worker");
    assert_eq!(record["task_worker_id"], "w");
    let error = json!({"code": "PERMANENT_ERROR", "message": "no"});
    worker
        .answer(&task, &json!({"status": "failure", "error": error}))
        .await;
    let record = worker.send("GET", &path, None).await.body;
    assert_eq!(record["status"], "quarantined");
    assert_eq!(record["error"], error);

    let mut told = Vec::new();
    while let Some(next) = news.try_next() {
        told.push(match next {
            DevNews::Registered { worker, .. } => format!("registered {worker}"),
            DevNews::Submitted { .. } => "submitted".to_owned(),
            DevNews::HandedOut { task, worker, .. } => format!("{task} to {worker}"),
            DevNews::Answered { status, .. } => status,
            DevNews::Ended { state, .. } => {
                assert_eq!(state, JobState::Quarantined);
                "ended".to_owned()
            }
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        ["registered w", "submitted", "echo to w", "failure", "ended"]
    );
}

#[actix_rt::test]
async fn what_is_no_job_is_refused() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let client = Client::new(&orchestrator, "nobody");
    let (list, empty, unfinished) = (json!([1, 2]), json!({}), json!({"start": "a"}));
    for (path, body) in [
        ("/api/v1/jobs/echo", None),
        ("/api/v1/jobs/echo", Some(&list)),
        ("/api/v1/jobs/no%20name", Some(&empty)),
        ("/api/v1/jobs", Some(&unfinished)),
    ] {
        let answer = client.send("POST", path, body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(answer.body["error"].is_string());
    }
    let unknown = client.send("GET", "/api/v1/jobs/unknown", None).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(orchestrator.counts().waiting, 0);
}

#[actix_rt::test]
async fn web_pages_and_strangers_are_kept_out() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let http = awc::Client::default();
    let url = format!("{}/api/v1/jobs/echo", orchestrator.url());
    let request = http.post(&url).insert_header(("Origin", "https://evil"));
    assert_eq!(request.send_body("{}").await.unwrap().status(), 403);

    let builder = DevOrchestrator::builder().client_token("of-clients");
    let guarded = builder.start().await.unwrap();
    let url = format!("{}/api/v1/jobs/echo", guarded.url());
    for (token, status) in [(None, 401), (Some("wrong"), 401), (Some("of-clients"), 202)] {
        let mut request = http.post(&url);
        if let Some(token) = token {
            request = request.insert_header(("X-Client-Token", token));
        }
        assert_eq!(request.send_body("{}").await.unwrap().status(), status);
    }
    assert_eq!(orchestrator.counts().waiting, 0);
    assert_eq!(guarded.counts().waiting, 1);
}
