//! How one task ends, and what the orchestrator makes of it.

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, json};

on_both_storages! {
    every_kind_of_json_value_comes_back_as_it_was_sent,
    a_custom_status_with_a_transition_goes_its_way,
    a_custom_status_without_a_transition_fails_the_job,
    every_error_code_leads_to_its_end_state,
    a_panic_is_retried_and_the_worker_serves_the_next_job,
    a_task_that_the_worker_does_not_know_is_refused_for_good,
}

mod scenario {
    use super::*;

    pub(super) async fn every_kind_of_json_value_comes_back_as_it_was_sent(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let params = json!({
            "text": "añb 漢字 🦀 \u{7} \"quoted\" \\ / \u{2028}",
            "empty": "",
            "null": null,
            "flags": [true, false, null],
            "small": -1,
            "largest": u64::MAX,
            "least": i64::MIN,
            "beyond_double": 9_007_199_254_740_993_u64,
            "whole_float": 2.0,
            "fraction": 0.1,
            "tiny_float": 5e-324,
            "nested": { "list": [[], {}, [{ "deep": [1, [2, [3]]] }]], "ключ": "значение" },
            "looks_like_a_file": "s3://bucket/key.txt",
        });
        let mut params = params;
        if RELEASE == Release::V1_0b12 {
            params["huge_float"] = json!(1e22);
        }
        let job = stage.orchestrator.run_task("echo", params.clone()).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        if RELEASE == Release::V1_0b30 {
            // It writes floats without a fraction as integers, and leaves members out that are null.
            params["whole_float"] = json!(2);
            params.as_object_mut().expect("an object").remove("null");
        }
        assert_eq!(job["state_history"], params);
    }

    pub(super) async fn a_custom_status_with_a_transition_goes_its_way(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let params = json!({ "status": "needs_review", "data": { "doubt": 0.4 } });
        let job = stage.orchestrator.run_task("status", params).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        assert_eq!(job["state_history"], json!({ "doubt": 0.4 }));
        let id = job["id"].as_str().unwrap();
        stage
            .orchestrator
            .event(id, |event| event["previous_state"] == "review")
            .await;
    }

    pub(super) async fn a_custom_status_without_a_transition_fails_the_job(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let params = json!({ "status": "half_done", "data": { "left": 3 } });
        let job = stage.orchestrator.run_task("status", params).await;
        assert_eq!(job["status"], "failed", "{job:#}");
        assert_eq!(
            job["error_message"],
            "Worker returned unhandled status: half_done"
        );
        assert_eq!(job["state_history"], json!({}));
    }

    pub(super) async fn every_error_code_leads_to_its_end_state(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let at_once = |code| format!("Task failed with permanent error ({code}): told so");
        let retried = || "failed after 4 attempts: told so".to_owned();
        let table = [
            (
                "PERMANENT_ERROR",
                "quarantined",
                1,
                at_once("PERMANENT_ERROR"),
            ),
            (
                "SECURITY_ERROR",
                "quarantined",
                1,
                at_once("SECURITY_ERROR"),
            ),
            (
                "DEPENDENCY_ERROR",
                "quarantined",
                1,
                at_once("DEPENDENCY_ERROR"),
            ),
            (
                "INVALID_INPUT_ERROR",
                "failed",
                1,
                "Task failed due to invalid input: told so".into(),
            ),
            (
                "INTEGRITY_MISMATCH_ERROR",
                "failed",
                1,
                "Task failed due to data integrity mismatch: told so".into(),
            ),
            ("TRANSIENT_ERROR", "quarantined", 4, retried()),
            ("TIMEOUT_ERROR", "quarantined", 4, retried()),
            ("RESOURCE_EXHAUSTED_ERROR", "quarantined", 4, retried()),
            ("INTERNAL_ERROR", "quarantined", 4, retried()),
            match RELEASE {
                Release::V1_0b12 => ("CONTRACT_VIOLATION_ERROR", "quarantined", 4, retried()),
                Release::V1_0b30 => (
                    "CONTRACT_VIOLATION_ERROR",
                    "quarantined",
                    1,
                    at_once("CONTRACT_VIOLATION_ERROR"),
                ),
            },
            ("LIMIT_EXCEEDED_ERROR", "quarantined", 4, retried()),
            ("DEPENDENCY_MISSING_ERROR", "quarantined", 4, retried()),
            ("LATE_RESULT", "quarantined", 4, retried()),
            ("A_CODE_OF_OUR_OWN", "quarantined", 4, retried()),
        ];
        for (code, status, attempts, message) in table {
            let params = json!({ "code": code, "message": "told so" });
            let job = stage.orchestrator.run_task("fail", params).await;
            assert_eq!(job["status"], status, "{code}: {job:#}");
            // The newer release names the task in between.
            let told = job["error_message"].as_str().expect("a message");
            assert!(told.starts_with("Task "), "{code}: {told}");
            assert!(told.ends_with(&message), "{code}: {told}");
            assert_eq!(job["retry_count"], attempts - 1, "{code}");
            let results = results_of(&stage, &job, attempts).await;
            for result in &results {
                let error = json!({ "code": code, "message": "told so" });
                assert_eq!(result["error"]["code"], error["code"]);
                assert_eq!(result["error"]["message"], error["message"]);
            }
            let mut tasks: Vec<_> = results.iter().map(|it| it["task_id"].to_string()).collect();
            tasks.sort();
            tasks.dedup();
            assert_eq!(
                tasks.len(),
                attempts,
                "{code}: every attempt is a task of its own"
            );
        }
    }

    pub(super) async fn a_panic_is_retried_and_the_worker_serves_the_next_job(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let mut worker = stage.started_worker().await;
        let job = stage
            .orchestrator
            .run_task("panic", json!({ "message": "out of cheese" }))
            .await;
        assert_eq!(job["status"], "quarantined", "{job:#}");
        let results = results_of(&stage, &job, 4).await;
        for result in results {
            assert_eq!(result["error"]["code"], "TRANSIENT_ERROR");
            let message = result["error"]["message"].as_str().unwrap();
            assert!(message.contains("out of cheese"), "{message}");
        }
        assert!(worker.is_running());
        let next = stage
            .orchestrator
            .run_task("add", json!({ "a": 1, "b": 2 }))
            .await;
        assert_eq!(next["status"], "finished", "{next:#}");
    }

    pub(super) async fn a_task_that_the_worker_does_not_know_is_refused_for_good(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        // Long intervals: no heartbeat of its own corrects what is claimed in its name below.
        let worker = stage.worker().set("HEARTBEAT_INTERVAL", "60").start();
        let mut record = stage.orchestrator.registered(worker.id()).await;
        let (list, tea) = match RELEASE {
            Release::V1_0b12 => ("supported_tasks", json!("make_tea")),
            Release::V1_0b30 => ("supported_skills", json!({ "name": "make_tea" })),
        };
        let offered = record[list].as_array_mut().expect("a list of tasks");
        offered.push(tea);
        let claim = json!({ "worker_id": worker.id(), list: offered });
        stage
            .orchestrator
            .as_worker(worker.id(), "/_worker/workers/register", &claim)
            .await;

        let job = stage.orchestrator.run_task("make_tea", json!({})).await;
        assert_eq!(job["status"], "quarantined", "{job:#}");
        let message = job["error_message"].as_str().unwrap();
        assert!(message.contains("PERMANENT_ERROR"), "{message}");
        assert!(
            message.contains("make_tea"),
            "the message names the task: {message}"
        );
    }
}

#[actix_rt::test]
async fn an_echo_of_nothing_is_an_empty_success() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    for task in ["echo", "noop"] {
        let job = stage.orchestrator.run_task(task, json!({})).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        assert_eq!(job["state_history"], json!({}));
    }
}

#[actix_rt::test]
async fn a_mistake_in_the_params_is_invalid_input_and_names_the_field() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let mistakes = [
        (json!({ "a": 1 }), "b"),
        (json!({ "a": "one", "b": 2 }), "a"),
        (json!({ "a": 1, "b": 2.5 }), "b"),
        (json!({ "a": null, "b": 2 }), "a"),
    ];
    for (params, field) in mistakes {
        let job = stage.orchestrator.run_task("add", params.clone()).await;
        assert_eq!(job["status"], "failed", "{params}: {job:#}");
        assert_eq!(job["retry_count"], 0, "{params}");
        let results = results_of(&stage, &job, 1).await;
        assert_eq!(
            results[0]["error"]["code"], "INVALID_INPUT_ERROR",
            "{params}"
        );
        let message = results[0]["error"]["message"].as_str().unwrap();
        let words: Vec<_> = message.split(|c: char| !c.is_alphanumeric()).collect();
        assert!(
            words.contains(&field),
            "{params}: the message names `{field}`: {message}"
        );
    }
}

#[actix_rt::test]
async fn a_handler_sees_the_ids_of_its_task() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let job = stage.orchestrator.run_task("info", json!({})).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    assert_eq!(job["state_history"]["job_id"], job["id"]);
    assert_eq!(job["state_history"]["task_id"], job["current_task_id"]);
}

/// The results that came in for the job, as they were sent.
async fn results_of(stage: &Stage, job: &Value, expected: usize) -> Vec<Value> {
    let id = job["id"].as_str().expect("a job id");
    stage.orchestrator.results(id, expected).await
}
