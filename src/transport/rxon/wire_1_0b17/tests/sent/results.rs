//! Results: outcomes, costs, metadata and files.

use std::time::Duration;

use super::*;
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{ErrorCode, Interruption, Outcome, Reply, Task, TaskError, TaskResult};

fn result(sent: &Value, outcome: Outcome, ran_for: Duration) -> TaskResult {
    let task = Task::new(
        OrchestratorId(0),
        sent["task_id"].as_str().unwrap(),
        sent["job_id"].as_str().unwrap(),
        "any",
        RawJson::empty_object(),
    );
    TaskResult::of(&task, outcome, ran_for)
}

#[test]
fn results_are_those_of_the_reference_worker() {
    let mut seen = 0;
    for exchange in exchanges("POST", "/tasks/result") {
        let sent = &exchange["request"]["json"];
        let seconds = sent["costs"]["execution_time_seconds"].as_f64();
        let ran_for = Duration::from_secs_f64(seconds.unwrap_or_default());
        let raw = |value: &Value| RawJson::from_serialize(value).unwrap();
        let metadata = Some(&sent["metadata"]).filter(|it| !it.is_null()).map(raw);
        let mut costs = sent["costs"].clone();
        let outcome = match sent["status"].as_str().unwrap_or("success") {
            "failure" => {
                let error = &sent["error"];
                let code = ErrorCode::from(error["code"].as_str().unwrap());
                let told = TaskError::new(code, error["message"].as_str().unwrap());
                Outcome::Failed(match &error["details"] {
                    Value::Null => told,
                    details => told.with_details(details),
                })
            }
            "cancelled" => Outcome::Cancelled,
            status => {
                let reply = match &sent["data"] {
                    Value::Null => Reply::status_with(status, &()),
                    data => Reply::status_with(status, data),
                };
                let mut reply = reply.unwrap();
                if let Some(metadata) = &metadata {
                    reply = reply.with_metadata(metadata).unwrap();
                }
                if costs.as_object_mut().is_some_and(|costs| {
                    costs.remove("execution_time_seconds");
                    !costs.is_empty()
                }) {
                    reply = reply.with_costs(&costs).unwrap();
                }
                Outcome::Completed(reply)
            }
        };
        let mut ours = result(sent, outcome, ran_for);
        ours.task_metadata = match ours.outcome {
            Outcome::Completed(_) => metadata.map(|_| RawJson::empty_object()),
            _ => metadata,
        };
        let ours = write_result(&worker_id(), &ours, &stamp(sent));
        // The status is always told, and who it is from; so are costs of failures and
        // data, if only {}.
        let mut sent = sent.clone();
        let status = sent["status"].as_str().unwrap_or("success").to_owned();
        sent["origin_worker_id"] = sent["worker_id"].clone();
        sent["status"] = json!(status);
        // The reference worker sends what the orchestrator refuses.
        if sent["data"].is_string() || sent["data"].is_array() {
            sent["data"] = json!({ "result": sent["data"] });
        }
        let mut free = vec!["nonce"];
        match status.as_str() {
            "failure" | "cancelled" => free.extend(["costs", "data"]),
            _ if sent["data"].is_null() => free.push("data"),
            _ => {}
        }
        check(&ours, &sent, &free);
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn costs_have_the_running_time_unless_the_handler_says_it() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let costs = |told: Option<Value>, ran_for: Duration| {
        let mut reply = Reply::success(&()).unwrap();
        if let Some(told) = told {
            reply = reply.with_costs(&told).unwrap();
        }
        let result = result(&sent, Outcome::Completed(reply), ran_for);
        json_of(&write_result(&worker_id(), &result, &stamp(&sent)))["costs"].clone()
    };
    let ran_for = Duration::from_nanos(1_234_567_890);
    let time = json!({"execution_time_seconds": 1.2346});
    assert_eq!(costs(None, ran_for), time);
    let more = costs(Some(json!({"tokens": 8, "a": {"b": [1.5]}})), ran_for);
    let expected = json!({"tokens": 8, "a": {"b": [1.5]}, "execution_time_seconds": 1.2346});
    assert_eq!(more, expected);
    let own = json!({"execution_time_seconds": 7});
    assert_eq!(costs(Some(own.clone()), ran_for), own);
    let cancelled = result(&sent, Outcome::Cancelled, ran_for);
    let ours = write_result(&worker_id(), &cancelled, &stamp(&sent));
    assert_eq!(json_of(&ours).get("costs"), None);
}

#[test]
fn a_result_carries_all_that_a_handler_gives() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let files = json!({"a": {"uri": "s3://b/k", "size": 1, "etag": "e"}});
    let reply = Reply::success(&json!({"a": 1.0}))
        .and_then(|reply| reply.with_metadata(&json!({"m": 1})))
        .unwrap();
    let data = reply.data().clone();
    let reply = reply.with_files(data, RawJson::from_serialize(&files).unwrap());
    let mut done = result(&sent, Outcome::Completed(reply), Duration::ZERO);
    let written = write_result(&worker_id(), &done, &stamp(&sent));
    assert_eq!(json_of(&written).get("metadata"), None, "the job has none");
    done.task_metadata = Some(RawJson::empty_object());
    let ours = json_of(&write_result(&worker_id(), &done, &stamp(&sent)));
    assert_eq!(ours["metadata"], json!({"m": 1}));
    assert_eq!(ours["data_metadata"], files);
    // The orchestrator refuses details that are no object.
    for (details, told) in [
        (json!({"x": 1}), json!({"x": 1})),
        (json!([1]), json!({"value": [1]})),
        (json!("x"), json!({"value": "x"})),
    ] {
        let error = TaskError::permanent("no").with_details(&details);
        let mut failed = result(&sent, Outcome::Failed(error), Duration::ZERO);
        failed.task_metadata = Some(RawJson::empty_object());
        let ours = json_of(&write_result(&worker_id(), &failed, &stamp(&sent)));
        assert_eq!(ours["error"]["details"], told);
        assert_eq!(ours["metadata"], json!({}));
        assert_eq!(ours.get("data"), None);
    }
}

#[test]
fn an_interrupted_task_is_a_transient_failure() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let why = Interruption::Restarted { began: true };
    let failed = Outcome::Failed(TaskError::transient(why.message()));
    let told = |outcome| {
        let result = result(&sent, outcome, Duration::ZERO);
        write_result(&worker_id(), &result, &stamp(&sent))
    };
    assert_eq!(told(Outcome::Interrupted(why)), told(failed));
}

#[test]
fn a_long_failure_is_cut_and_keeps_its_code() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let error = TaskError::transient("x".repeat(1_100_000)).with_details(&"y".repeat(1 << 20));
    let long = result(&sent, Outcome::Failed(error), Duration::ZERO);
    let text = write_result(&worker_id(), &long, &stamp(&sent));
    assert!(text.len() < 64 * 1024, "{}", text.len());
    assert_eq!(json_of(&text)["error"]["code"], "TRANSIENT_ERROR");
}
