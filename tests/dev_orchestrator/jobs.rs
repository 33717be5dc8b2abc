//! Jobs, from submission to their end.

use std::time::Duration;

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
async fn what_a_result_tells_of_its_files_goes_with_the_next_task() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let steps = [("echo", json!({})), ("echo", json!({}))];
    orchestrator.submit(JobSpec::chain(steps)).await.unwrap();
    let first = worker.task().await;
    assert_eq!(first["params_metadata"], json!({}));
    let files = json!({"out": {"uri": "s3://b/k", "size": 5, "etag": null}});
    let answer = json!({"data": {"out": "s3://b/k"}, "data_metadata": files});
    worker.answer(&first, &answer).await;
    assert_eq!(worker.task().await["params_metadata"], files);
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

#[actix_rt::test]
async fn a_job_in_json_fans_out_and_goes_on_with_what_came_back() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["resize", "filter", "publish"]).await;
    let spec = JobSpec::from_json(json!({
        "input": {"path": "photo.png"},
        "start": "resize",
        "steps": {
            "resize": {"task": "resize", "params": {"image": "$input.path"},
                "transitions": {"success": "variants"}},
            "variants": {"parallel": [
                    {"name": "gray", "task": "filter", "params": {"image": "$data.image"}},
                    {"name": "sepia", "task": "filter", "params": {"image": "$data.image"}}],
                "transitions": {"success": "publish"}},
            "publish": {"task": "publish", "params": {"all": ["$data.gray.image", "$data.sepia.image"]}}
        }
    }))
    .unwrap();
    let job = orchestrator.submit(spec).await.unwrap();
    let resize = worker.task().await;
    assert_eq!(resize["params"], json!({"image": "photo.png"}));
    worker
        .answer(&resize, &json!({"data": {"image": "small.png"}}))
        .await;
    let (gray, sepia) = (worker.task().await, worker.task().await);
    assert_eq!(sepia["params"], json!({"image": "small.png"}));
    assert_eq!(
        orchestrator.look(|view| view.running_tasks("filter")).now,
        2
    );
    worker
        .answer(&sepia, &json!({"data": {"image": "s.png"}}))
        .await;
    worker
        .answer(&gray, &json!({"data": {"image": "g.png"}}))
        .await;
    let publish = worker.task().await;
    assert_eq!(publish["params"], json!({"all": ["g.png", "s.png"]}));
    worker
        .answer(&publish, &json!({"data": {"url": "u"}}))
        .await;
    let report = job.finished().await;
    let steps: Vec<_> = report
        .history
        .iter()
        .map(|task| task.step.as_str())
        .collect();
    assert_eq!(steps, ["resize", "variants", "variants", "publish"]);
    assert_eq!(report.data["url"], "u");
}

#[actix_rt::test]
async fn a_transient_failure_comes_back_with_a_new_id_until_it_works() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator
        .submit(JobSpec::task("echo", json!({})))
        .await
        .unwrap();
    let first = worker.task().await;
    let failure = json!({"status": "failure", "error": {"code": "TIMEOUT_ERROR", "message": "m"}});
    worker.answer(&first, &failure).await;
    let second = worker.task().await;
    assert_eq!(second["job_id"], first["job_id"]);
    assert_ne!(second["task_id"], first["task_id"]);
    // The same result again: acknowledged, without effect.
    assert_eq!(worker.answer(&first, &failure).await.status, 200);
    assert_eq!(orchestrator.stale_results(), 1);
    worker.answer(&second, &json!({})).await;
    let report = job.finished().await;
    assert_eq!((report.state, report.attempts()), (JobState::Finished, 2));
    assert_eq!(
        report.history[0].error.as_ref().unwrap()["code"],
        "TIMEOUT_ERROR"
    );
    assert_eq!(orchestrator.look(|view| view.running("w")).now, 0);
}

#[test]
fn handles_work_on_any_thread_in_any_runtime() {
    // A runtime without timers or network.
    let bare = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let orchestrator = DevOrchestrator::builder().start_blocking().unwrap();
    let job = bare().block_on(orchestrator.submit(JobSpec::task("echo", json!({}))));
    let job = job.unwrap();
    let waiting = {
        let job = job.clone();
        std::thread::spawn(move || bare().block_on(job.finished_within(Duration::from_mins(1))))
    };
    bare().block_on(async move {
        orchestrator
            .wait_until(|view| view.counts().waiting == 1)
            .await;
        job.cancel().await;
    });
    let report = waiting.join().unwrap().unwrap();
    assert_eq!(report.state, JobState::Cancelled);
}
