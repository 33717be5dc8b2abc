//! Jobs, from submission to their end.

use axon_worker::dev::{DevOrchestrator, JobSpec, JobState};
use serde_json::json;

use super::client::Client;

#[actix_rt::test]
async fn a_task_goes_out_and_its_result_ends_the_job() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator
        .submit(JobSpec::task(
            "echo",
            json!({"a": 1.0, "b": "\u{fc}", "n": null}),
        ))
        .await
        .unwrap();
    let task = worker.task().await;
    assert_eq!(task["params"], json!({"a": 1.0, "b": "\u{fc}", "n": null}));
    assert_eq!(job.report().state, JobState::Running);
    let answer = worker.answer(&task, &json!({"data": {"x": 1}})).await;
    assert_eq!((answer.status, answer.body), (200, json!({"status": "ok"})));
    let report = job.finished().await;
    assert!(report.is_success());
    assert_eq!(report.data, json!({"x": 1}));
    assert_eq!(report.history[0].worker.as_deref(), Some("w"));
}

#[actix_rt::test]
async fn a_task_submitted_later_reaches_the_poll_that_waits() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let submit = async {
        orchestrator
            .wait_until(|view| view.open_polls("w") == 1)
            .await;
        orchestrator
            .submit(JobSpec::task("echo", json!({})))
            .await
            .unwrap()
    };
    let (task, job) = futures_util::future::join(worker.task(), submit).await;
    assert_eq!(task["job_id"], job.id().as_str());
}
