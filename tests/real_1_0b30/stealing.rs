//! Tasks that were queued for another worker.

use crate::RELEASE;
use crate::support::{Stage, Storage, json};

/// A worker that registers and never asks for its tasks.
const SLEEPER: &str = "sleeper";

on_both_storages! {
    a_task_that_another_worker_left_lying_is_done,
    a_stolen_task_that_the_worker_never_offered_is_answered,
}

mod scenario {
    use super::*;

    pub(super) async fn a_task_that_another_worker_left_lying_is_done(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        register_sleeper(&stage, &["add"]).await;
        let sum = json!({ "a": 1, "b": 2 });
        let job = stage.orchestrator.submit_task("add", sum).await;
        stage
            .orchestrator
            .event(&job, |it| it["event_type"] == "task_dispatched")
            .await;
        let worker = stage.started_worker().await;
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        assert_eq!(record["task_worker_id"], worker.id(), "{record:#}");
    }

    pub(super) async fn a_stolen_task_that_the_worker_never_offered_is_answered(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        // Whoever shares one skill with it may get any of its tasks.
        register_sleeper(&stage, &["add", "make_tea"]).await;
        let job = stage.orchestrator.submit_task("make_tea", json!({})).await;
        stage
            .orchestrator
            .event(&job, |it| it["event_type"] == "task_dispatched")
            .await;
        let worker = stage.started_worker().await;
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "quarantined", "{record:#}");
        assert_eq!(record["task_worker_id"], worker.id(), "{record:#}");
        let message = record["error_message"].as_str().expect("a message");
        assert!(message.contains("PERMANENT_ERROR"), "{message}");
        assert!(message.contains("make_tea"), "{message}");
        let sum = json!({ "a": 1, "b": 2 });
        let next = stage.orchestrator.run_task("add", sum).await;
        assert_eq!(next["status"], "finished", "{next:#}");
    }
}

async fn register_sleeper(stage: &Stage, skills: &[&str]) {
    let skills: Vec<_> = skills.iter().map(|it| json!({ "name": it })).collect();
    let registration = json!({ "worker_id": SLEEPER, "supported_skills": skills });
    stage
        .orchestrator
        .as_worker(SLEEPER, "/_worker/workers/register", &registration)
        .await;
}
