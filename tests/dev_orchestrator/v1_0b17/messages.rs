//! Heartbeats and results.

use std::time::Duration;

use axon_worker::dev::{CancelOutcome, Endpoint, JobSpec, JobState, Quirks};
use serde_json::{Value, json};

use super::client::{Client, builder};

fn echo() -> JobSpec {
    JobSpec::task("echo", json!({}))
}

fn failure(code: &str) -> Value {
    json!({"status": "failure", "error": {"code": code, "message": "m"}})
}

#[track_caller]
fn ignored(answer: &super::client::Answer, reason: &str) {
    let status = (&answer.body["status"], &answer.body["reason"]);
    assert_eq!(status, (&json!("ignored"), &json!(reason)), "{answer:?}");
}

#[actix_rt::test]
async fn a_heartbeat_without_a_body_tells_whether_we_are_known() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let probe = || worker.send("PATCH", "/_worker/workers/w", Vec::new());
    probe().await.is(200, Value::Null);
    // A whole one gets the same answer whether the worker is known or not.
    worker
        .heartbeat(&json!({}))
        .await
        .is(200, json!({"status": "ok"}));
    worker.register(&["echo"]).await;
    probe().await.is(200, json!({"status": "ttl_refreshed"}));
    let braces = worker
        .send("PATCH", "/_worker/workers/w", b"{}".to_vec())
        .await;
    braces.is(200, json!({"status": "ttl_refreshed"}));
}

#[actix_rt::test]
async fn the_catalogue_is_asked_for_when_it_is_missing() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let skills = json!([{"name": "echo"}]);
    worker
        .register_as(&json!({"skills_hash": "a", "supported_skills": skills}))
        .await;
    let beat = async |changes: Value| worker.heartbeat(&changes).await.body;
    assert_eq!(
        beat(json!({"skills_hash": "a"})).await,
        json!({"status": "ok"})
    );
    // The same hash: a catalogue that comes along is not looked at.
    beat(json!({"skills_hash": "a", "supported_skills": []})).await;
    assert_eq!(
        orchestrator.worker("w").unwrap().record["supported_skills"],
        skills
    );
    beat(json!({"skills_hash": "b", "supported_skills": []})).await;
    let asked = beat(json!({"skills_hash": "b"})).await;
    assert_eq!(asked, json!({"status": "ok", "require_full_sync": true}));
    beat(json!({"skills_hash": "c", "supported_skills": skills})).await;
    assert_eq!(
        beat(json!({"skills_hash": "c"})).await,
        json!({"status": "ok"})
    );
}

#[actix_rt::test]
async fn a_called_off_task_comes_back_in_the_answer_to_a_heartbeat() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator.submit(echo()).await.unwrap();
    let task = worker.task().await;
    let tasks = json!({"current_tasks": [task["task_id"], "unknown"]});
    worker
        .heartbeat(&tasks)
        .await
        .is(200, json!({"status": "ok"}));
    assert_eq!(job.cancel().await, CancelOutcome::AtHeartbeat);
    let told = worker.heartbeat(&tasks).await;
    told.is(
        200,
        json!({"status": "ok", "cancel_task_ids": [task["task_id"]]}),
    );
    orchestrator.set_quirks(Quirks {
        cancels_by_job_id_only: true,
        heartbeat_jitter: Some(Duration::from_millis(250)),
        ..Quirks::default()
    });
    let silent = worker.heartbeat(&tasks).await;
    silent.is(
        200,
        json!({"status": "ok", "next_heartbeat_jitter_ms": 250}),
    );
    let both = json!({"current_tasks": [task["task_id"], task["job_id"]]});
    let told = worker.heartbeat(&both).await;
    assert_eq!(told.body["cancel_task_ids"], json!([task["job_id"]]));
    let answer = worker.answer(&task, &json!({"status": "cancelled"})).await;
    answer.is(
        200,
        json!({"status": "accepted", "transition": "cancelled_handled"}),
    );
    assert_eq!(job.finished().await.state, JobState::Cancelled);
    ignored(&worker.answer(&task, &json!({})).await, "job_cancelled");
}

#[actix_rt::test]
async fn skills_may_be_found_by_their_names_whatever_is_available() {
    let orchestrator = builder().start().await.unwrap();
    orchestrator.set_quirks(Quirks {
        ignores_availability: true,
        ..Quirks::default()
    });
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    worker
        .heartbeat(&json!({"available_skills": [], "hot_skills": []}))
        .await;
    orchestrator.submit(echo()).await.unwrap();
    worker.task().await;
    for status in ["busy", "full", "draining", "offline"] {
        worker.heartbeat(&json!({"status": status})).await;
        let job = orchestrator.submit(echo()).await.unwrap();
        assert_eq!(worker.poll().await.status, 204, "{status}");
        job.cancel().await;
    }
}

#[actix_rt::test]
async fn a_cheaper_worker_comes_first_and_a_hot_one_before_it() {
    let orchestrator = builder()
        .poll_hold(Duration::from_secs(30))
        .start()
        .await
        .unwrap();
    let mut polls = Vec::new();
    for (id, cost, hot) in [
        ("dear", 2.0, false),
        ("hot", 9.0, true),
        ("cheap", 0.5, false),
    ] {
        let worker = Client::new(&orchestrator, id);
        let hot: &[&str] = if hot { &["echo"] } else { &[] };
        let record = json!({"supported_skills": [{"name": "echo"}], "hot_skills": hot,
            "capabilities": {"cost_per_skill": {"echo": cost}}});
        worker.register_as(&record).await;
        polls.push(actix_rt::spawn(async move { worker.poll().await.status }));
        orchestrator
            .wait_until(|view| view.open_polls(id) == 1)
            .await;
    }
    for id in ["hot", "cheap", "dear"] {
        let job = orchestrator.submit(echo()).await.unwrap();
        orchestrator
            .wait_until(|view| view.running(id).now == 1)
            .await;
        assert_eq!(job.report().history[0].worker.as_deref(), Some(id));
    }
    for poll in polls {
        assert_eq!(poll.await.unwrap(), 200);
    }
}

#[actix_rt::test]
async fn each_error_code_ends_as_it_should_and_costs_what_it_should() {
    let orchestrator = builder().max_retries(1).start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let (quarantined, failed) = (JobState::Quarantined, JobState::Failed);
    for (code, attempts, state, reputation) in [
        ("PERMANENT_ERROR", 1, quarantined, 0.95),
        ("SECURITY_ERROR", 1, quarantined, 0.95),
        ("DEPENDENCY_ERROR", 1, quarantined, 0.95),
        ("CONTRACT_VIOLATION_ERROR", 1, quarantined, 0.8),
        ("INVALID_INPUT_ERROR", 1, failed, 1.0),
        ("INTEGRITY_MISMATCH_ERROR", 1, failed, 1.0),
        ("TRANSIENT_ERROR", 2, quarantined, 1.0),
        ("LIMIT_EXCEEDED_ERROR", 2, quarantined, 1.0),
        ("NO_SUCH_ERROR", 2, quarantined, 1.0),
    ] {
        worker.register(&["echo"]).await;
        let job = orchestrator.submit(echo()).await.unwrap();
        for _ in 0..attempts {
            let task = worker.task().await;
            let answer = worker.answer(&task, &failure(code)).await;
            answer.is(
                200,
                json!({"status": "accepted", "transition": "failure_handled"}),
            );
        }
        let report = job.finished().await;
        assert_eq!(
            (report.state, report.attempts()),
            (state, attempts),
            "{code}"
        );
        let now = orchestrator.worker("w").unwrap().record["reputation"]
            .as_f64()
            .unwrap();
        assert!((now - reputation).abs() < 1e-9, "{code}: {now}");
    }
}

#[actix_rt::test]
async fn a_result_that_nobody_waits_for_is_ignored_with_the_reason() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let other = Client::new(&orchestrator, "v");
    worker.register(&["echo"]).await;
    let chain = JobSpec::chain([("echo", json!({})), ("echo", json!({}))]);
    let job = orchestrator.submit(chain).await.unwrap();
    let first = worker.task().await;
    let unknown = json!({"job_id": "nope", "task_id": "t"});
    ignored(&worker.answer(&unknown, &json!({})).await, "job_not_found");
    ignored(&other.answer(&first, &json!({})).await, "worker_mismatch");
    let old = json!({"job_id": first["job_id"], "task_id": "old"});
    ignored(&worker.answer(&old, &json!({})).await, "stale_task");
    let accepted = json!({"status": "accepted", "transition": "success_transition"});
    worker
        .answer(&first, &json!({"data": {"a": 1}}))
        .await
        .is(200, accepted.clone());
    ignored(&worker.answer(&first, &json!({})).await, "stale_task");
    let second = worker.task().await;
    ignored(&worker.answer(&first, &json!({})).await, "stale_task");
    worker
        .answer(&second, &json!({"data": {"b": 2}}))
        .await
        .is(200, accepted);
    ignored(
        &worker.answer(&second, &json!({})).await,
        "job_already_terminated",
    );
    let report = job.finished().await;
    assert_eq!(
        (report.state, report.data),
        (JobState::Finished, json!({"a": 1, "b": 2}))
    );

    let job = orchestrator.submit(echo()).await.unwrap();
    let task = worker.task().await;
    let late = json!({"status": "failure",
        "error": {"code": "INVALID_INPUT_ERROR", "message": "a timeout of mine"}});
    worker.answer(&task, &late).await;
    assert_eq!(job.finished().await.state, JobState::Failed);
    ignored(&worker.answer(&task, &json!({})).await, "deadline_exceeded");
}

#[actix_rt::test]
async fn parallel_results_are_told_from_others() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let tasks = [("a", "echo", json!({})), ("b", "echo", json!({}))];
    let job = orchestrator.submit(JobSpec::fan_out(tasks)).await.unwrap();
    let (first, second) = (worker.task().await, worker.task().await);
    assert!(!first["task_id"].as_str().unwrap().starts_with("task-"));
    let accepted = json!({"status": "accepted", "transition": "parallel_branch_accepted"});
    worker
        .answer(&first, &json!({"data": {"n": 1}}))
        .await
        .is(200, accepted.clone());
    ignored(&worker.answer(&first, &json!({})).await, "worker_mismatch");
    worker.answer(&second, &json!({})).await.is(200, accepted);
    assert_eq!(job.finished().await.data, json!({"a": {"n": 1}}));
}

#[actix_rt::test]
async fn data_that_break_the_contract_are_a_failure() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"]});
    let skills = json!([{"name": "echo", "output_schema": schema}]);
    worker
        .register_as(&json!({"supported_skills": skills}))
        .await;
    for (answer, state, reputation) in [
        (json!({"data": {"ok": true}}), JobState::Finished, 1.0),
        (json!({"status": "odd", "data": {}}), JobState::Failed, 1.0),
        (json!({"data": {"ok": "no"}}), JobState::Quarantined, 0.6),
    ] {
        let job = orchestrator.submit(echo()).await.unwrap();
        let task = worker.task().await;
        assert_eq!(worker.answer(&task, &answer).await.status, 200);
        let report = job.finished().await;
        assert_eq!(report.state, state, "{answer}");
        let now = orchestrator.worker("w").unwrap().record["reputation"]
            .as_f64()
            .unwrap();
        assert!((now - reputation).abs() < 1e-9, "{answer}: {now}");
    }
    let error = orchestrator.requests_to(Endpoint::Result).len();
    assert_eq!(error, 3);
}

#[actix_rt::test]
async fn a_result_has_to_have_the_right_types() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let ids = json!({"job_id": "j", "task_id": "t"});
    for wrong in [
        json!({"data": [1]}),
        json!({"error": "text"}),
        json!({"status": 7}),
    ] {
        assert_eq!(worker.answer(&ids, &wrong).await.status, 400, "{wrong}");
    }
    let other = worker.answer(&ids, &json!({"worker_id": "v"})).await;
    assert!(
        other.status == 403 && other.error().starts_with("Forbidden"),
        "{other:?}"
    );
}

#[actix_rt::test]
async fn a_rate_limit_is_told_as_text_in_an_error() {
    let orchestrator = builder().start().await.unwrap();
    orchestrator.set_quirks(Quirks {
        rate_limits: Some(axon_worker::dev::RateLimits {
            polls: 0,
            ..axon_worker::dev::RateLimits::default()
        }),
        ..Quirks::default()
    });
    let refused = Client::new(&orchestrator, "w").poll().await;
    refused.is(429, json!({"error": "{\"error\":\"Too Many Requests\"}"}));
}
