//! Deadlines of jobs, which the orchestrator gives in fractions of a second.

use std::time::Duration;

use crate::RELEASE;
use crate::support::{OrchestratorSetup, Stage, Storage, json};

on_both_storages! {
    a_deadline_with_a_fraction_is_no_hindrance,
}

mod scenario {
    use super::*;

    pub(super) async fn a_deadline_with_a_fraction_is_no_hindrance(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        for _ in 0..3 {
            let order = json!({
                "task": "info",
                "params": {},
                "dispatch": { "result_timeout_seconds": 90 },
            });
            let job = stage.orchestrator.run("single", order).await;
            assert_eq!(job["status"], "finished", "{job:#}");
            let deadline = job["result_deadline"].as_f64().expect("a deadline");
            assert!(deadline > 1e9, "{job:#}");
        }
    }
}

#[actix_rt::test]
async fn a_task_ends_at_its_deadline() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let order = json!({
        "task": "sleep",
        "params": { "seconds": 60.0 },
        "dispatch": { "result_timeout_seconds": 2 },
    });
    let job = stage.orchestrator.submit("single", order).await;
    let record = stage
        .orchestrator
        .end_of_within(&job, Duration::from_secs(30))
        .await;
    // Each attempt has the deadline of the first.
    assert_eq!(record["status"], "quarantined", "{record:#}");
    for result in stage.orchestrator.results(&job, 4).await {
        assert_eq!(result["error"]["code"], "TIMEOUT_ERROR", "{result:#}");
    }
}

#[actix_rt::test]
async fn a_job_that_the_orchestrator_gave_up_is_done_anew_beside_the_first_attempt() {
    // It looks at the clock all the time, and with Redis finds the time of a task up that
    // has waited in the queue.
    let setup = OrchestratorSetup::new(RELEASE).set("WATCHER_INTERVAL_SECONDS", "1");
    let stage = Stage::with(Storage::Redis, setup).await;
    let worker = stage.worker().set("HEARTBEAT_INTERVAL", "30").start();
    stage.orchestrator.registered(worker.id()).await;
    let order = json!({ "task": "sleep", "params": { "seconds": 3.0 }, "timeout": 2 });
    let job = stage.orchestrator.run("single", order).await;
    assert!(job["retry_count"].as_u64() >= Some(1), "{job:#}");
    let messages = stage.orchestrator.messages("result").await;
    assert!(
        messages
            .iter()
            .any(|it| it["answer"]["reason"] == "stale_task"),
        "{messages:#?}"
    );
    let next = stage.orchestrator.run_task("echo", json!({})).await;
    assert_eq!(next["status"], "finished", "{next:#}");
}
