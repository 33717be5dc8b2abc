//! Events and progress, as clients see them.

use std::time::Duration;

use crate::RELEASE;
use crate::support::{Stage, Storage, Value, Worker, eventually, json};

on_both_storages! {
    events_are_part_of_the_history_that_clients_see,
    an_event_moves_the_job_on_and_its_result_is_of_no_use,
    progress_without_a_socket_goes_over_http,
}

mod scenario {
    use super::*;

    pub(super) async fn events_are_part_of_the_history_that_clients_see(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let params = json!({ "n": 2, "steps": 3 });
        let job = stage.orchestrator.run_task("typed_contract", params).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        assert_eq!(rows(&stage, &job, 3).await, [1, 2, 3]);
    }

    pub(super) async fn an_event_moves_the_job_on_and_its_result_is_of_no_use(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let order = json!({
            "task": "event",
            "params": { "name": "approved", "payload": { "by": "a handler" } },
            "dispatch": { "event_transitions": { "approved": "finished" } },
        });
        let job = stage.orchestrator.run("single", order).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        assert_eq!(job["state_history"], json!({ "by": "a handler" }));
        let result = eventually("the result", Duration::from_secs(10), || async {
            let mut results = stage.orchestrator.messages("result").await;
            results.pop().ok_or(Value::Null)
        })
        .await;
        assert_eq!(result["answer"]["status"], "ignored", "{result:#}");
        serves_on(&stage, &worker).await;
        assert_eq!(sent_for(&stage, &job).await, 1, "not sent again");
    }

    pub(super) async fn progress_without_a_socket_goes_over_http(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let params = json!({ "steps": 3, "delay": 1.2 });
        let job = stage.orchestrator.run_task("progress", params).await;
        assert_eq!(job["progress"].as_f64(), Some(1.0), "{job:#}");
        assert_eq!(job["progress_message"], "step 3/3", "{job:#}");
        let told = progress_of(&stage).await;
        assert_eq!(told.len(), 3, "{told:#?}");
    }
}

#[actix_rt::test]
async fn events_take_the_socket_where_there_is_one() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage
        .worker()
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    eventually("a socket", Duration::from_secs(20), || async {
        let output = stage.orchestrator.output();
        let is_there = output.contains("WebSocket connection registered for worker");
        if is_there { Ok(()) } else { Err(Value::Null) }
    })
    .await;
    let params = json!({ "n": 2, "steps": 3 });
    let job = stage.orchestrator.run_task("typed_contract", params).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    assert_eq!(rows(&stage, &job, 3).await, [1, 2, 3]);
    assert!(stage.orchestrator.messages("event").await.is_empty());
}

#[actix_rt::test]
async fn a_fast_loop_of_progress_is_told_now_and_then_and_to_its_end() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let params = json!({ "steps": 500, "delay": 0.004 });
    let job = stage.orchestrator.run_task("progress", params).await;
    assert_eq!(job["progress"].as_f64(), Some(1.0), "{job:#}");
    assert_eq!(job["progress_message"], "step 500/500", "{job:#}");
    let told = progress_of(&stage).await;
    let began = told.first().and_then(|it| it["at"].as_f64());
    let ended = told.last().and_then(|it| it["at"].as_f64());
    let seconds = ended.zip(began).map(|(ended, began)| ended - began);
    // One a second, and the last.
    let most = seconds.expect("some progress").ceil() + 2.0;
    let count = u32::try_from(told.len()).expect("few");
    assert!(f64::from(count) <= most, "{count} in {seconds:?} s");
}

#[actix_rt::test]
async fn an_event_that_the_skill_did_not_declare_is_not_sent() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let params = json!({ "name": "surprise", "payload": {} });
    let job = stage.orchestrator.run_task("strict_event", params).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    let code = &job["state_history"]["code"];
    assert_eq!(*code, "CONTRACT_VIOLATION_ERROR", "{job:#}");
    let params = json!({ "name": "step", "payload": { "row": "not a number" } });
    let job = stage.orchestrator.run_task("strict_event", params).await;
    let code = &job["state_history"]["code"];
    assert_eq!(*code, "CONTRACT_VIOLATION_ERROR", "{job:#}");
    assert!(stage.orchestrator.messages("event").await.is_empty());
}

#[actix_rt::test]
async fn there_is_nobody_to_call_skills_of_others() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let params = json!({ "skill": "echo", "params": {} });
    let job = stage.orchestrator.run_task("call", params).await;
    // 1.0b30 has no such endpoint.
    assert_eq!(job["status"], "quarantined", "{job:#}");
    let id = job["id"].as_str().expect("an id");
    let results = stage.orchestrator.results(id, 1).await;
    assert_eq!(results[0]["error"]["code"], "DEPENDENCY_ERROR");
}

/// What the events `step` of a job told, as a client sees it.
async fn rows(stage: &Stage, job: &Value, expected: usize) -> Vec<u64> {
    let id = job["id"].as_str().expect("an id");
    eventually(
        "the events are written",
        Duration::from_secs(20),
        || async {
            let history = stage.orchestrator.history(id).await;
            let rows: Vec<_> = history
                .iter()
                .filter(|it| it["event_type"] == "worker_event:step")
                .filter_map(|it| it["context_snapshot"]["payload"]["row"].as_u64())
                .collect();
            if rows.len() < expected {
                Err(json!(history))
            } else {
                Ok(rows)
            }
        },
    )
    .await
}

async fn progress_of(stage: &Stage) -> Vec<Value> {
    let mut events = stage.orchestrator.messages("event").await;
    events.retain(|it| it["payload"]["event_type"] == "progress");
    for event in &events {
        assert_eq!(event["answer"]["status"], "event_accepted", "{event:#}");
    }
    events
}

/// How many results of the job came, taken or not.
async fn sent_for(stage: &Stage, job: &Value) -> usize {
    let results = stage.orchestrator.messages("result").await;
    let of_job = |it: &&Value| it["payload"]["job_id"] == job["id"];
    results.iter().filter(of_job).count()
}

async fn serves_on(stage: &Stage, worker: &Worker) {
    let job = stage.orchestrator.run_task("echo", json!({})).await;
    assert_eq!(job["status"], "finished", "{}", worker.output());
}
