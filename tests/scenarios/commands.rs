//! The command channel: cancels in, progress out.

use std::time::{Duration, Instant};

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, Worker, eventually, json};

on_both_storages! {
    a_cancel_over_the_socket_ends_the_task_and_the_job,
    progress_is_stored_with_the_job,
}

/// What the orchestrator logs when a socket is in its registry.
const REGISTERED: &str = "WebSocket connection registered for worker";
/// What it logs when one is struck from there.
const STRUCK: &str = "unregistered.";

/// The answer to a cancel that was sent on; 1.0b30 says the same when it was not.
const SENT: &str = match RELEASE {
    Release::V1_0b12 => "cancellation_request_sent",
    Release::V1_0b30 => "cancellation_request_accepted",
};

/// A worker whose socket is registered.
async fn listening(stage: &Stage) -> Worker {
    let worker = stage
        .worker()
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    logged(stage, REGISTERED, 0).await;
    worker
}

/// How often it was logged so far; each message is there twice.
fn count(stage: &Stage, what: &str) -> usize {
    stage.orchestrator.output().matches(what).count()
}

/// Waits until it was logged more often than that.
async fn logged(stage: &Stage, what: &str, more_than: usize) {
    let text = format!("{what:?} is logged more than {more_than} times");
    eventually(&text, Duration::from_secs(40), || async {
        let found = count(stage, what);
        if found > more_than {
            Ok(())
        } else {
            Err(json!(found))
        }
    })
    .await;
}

async fn cancelled(stage: &Stage, worker: &Worker) -> Value {
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 30.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    let began = Instant::now();
    let (status, answer) = stage.orchestrator.cancel(&job).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(answer["status"], SENT);
    stage.orchestrator.results(&job, 1).await;
    let record = stage.orchestrator.end_of(&job).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(record["status"], "cancelled", "{record:#}");
    record
}

mod scenario {
    use super::*;

    pub(super) async fn a_cancel_over_the_socket_ends_the_task_and_the_job(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = listening(&stage).await;
        let record = cancelled(&stage, &worker).await;
        let id = record["id"].as_str().unwrap();
        let results = stage.orchestrator.results(id, 1).await;
        assert_eq!(results[0]["status"], "cancelled");
        // The worker goes on.
        let next = stage.orchestrator.run_task("echo", json!({ "a": 1 })).await;
        assert_eq!(next["status"], "finished", "{next:#}");
    }

    pub(super) async fn progress_is_stored_with_the_job(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = listening(&stage).await;
        // Slower than progress is passed on.
        let params = json!({ "steps": 4, "delay": 1.2 });
        let job = stage.orchestrator.submit_task("progress", params).await;
        eventually("half of it is done", Duration::from_secs(20), || async {
            let record = stage.orchestrator.job(&job).await;
            let half = record["progress"] == 0.5 && record["progress_message"] == "step 2/4";
            if half { Ok(()) } else { Err(record) }
        })
        .await;
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        assert_eq!(record["progress"], 1.0);
        assert_eq!(record["progress_message"], "step 4/4");
    }
}

#[actix_rt::test]
async fn a_task_that_is_cancelled_before_the_worker_asks_for_it_never_runs() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage
        .worker()
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .set("MAX_CONCURRENT_TASKS", "1")
        // The orchestrator does not learn that the worker is busy.
        .set("HEARTBEAT_DEBOUNCE_DELAY", "30")
        .set("HEARTBEAT_INTERVAL", "30")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    logged(&stage, REGISTERED, 0).await;
    let first = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 4.0 }))
        .await;
    eventually(
        "the first job has the worker",
        Duration::from_secs(10),
        || async {
            let record = stage.orchestrator.job(&first).await;
            if record["task_worker_id"].is_string() {
                Ok(())
            } else {
                Err(record)
            }
        },
    )
    .await;
    let second = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 30.0 }))
        .await;
    eventually(
        "the second job has the worker",
        Duration::from_secs(3),
        || async {
            let record = stage.orchestrator.job(&second).await;
            if record["task_worker_id"].is_string() {
                Ok(())
            } else {
                Err(record)
            }
        },
    )
    .await;
    let (_, answer) = stage.orchestrator.cancel(&second).await;
    assert_eq!(answer["status"], SENT);
    let began = Instant::now();
    let record = stage.orchestrator.end_of(&second).await;
    assert_eq!(record["status"], "cancelled", "{record:#}");
    assert!(began.elapsed() < Duration::from_secs(15), "it never ran");
    let record = stage.orchestrator.end_of(&first).await;
    assert_eq!(record["status"], "finished", "{record:#}");
}

#[actix_rt::test]
async fn after_a_restart_of_the_orchestrator_a_cancel_arrives_again() {
    let mut stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = listening(&stage).await;
    let before = count(&stage, REGISTERED);
    stage.orchestrator.kill();
    stage.orchestrator.start().await;
    stage.orchestrator.registered(worker.id()).await;
    logged(&stage, REGISTERED, before).await;
    cancelled(&stage, &worker).await;
}

#[actix_rt::test]
async fn a_worker_that_ends_leaves_the_registry_by_itself() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let mut worker = listening(&stage).await;
    worker.terminate();
    let status = worker.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", worker.output());
    logged(&stage, STRUCK, 0).await;
}
