//! The catalogue of skills: sent when it has to be, and not otherwise.

use crate::RELEASE;
use crate::support::{Stage, Storage, Value, json};

on_both_storages! {
    an_orchestrator_that_lost_the_catalogue_gets_it_again,
}

mod scenario {
    use super::*;

    pub(super) async fn an_orchestrator_that_lost_the_catalogue_gets_it_again(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let before = stage.orchestrator.worker(worker.id()).await;
        let emptied = json!({
            "worker_id": worker.id(),
            "skills_hash": before["skills_hash"],
            "supported_skills": [],
        });
        stage
            .orchestrator
            .as_worker(worker.id(), "/_worker/workers/register", &emptied)
            .await;
        let after = stage
            .orchestrator
            .worker_shows(worker.id(), "has all skills again", |record| {
                record["supported_skills"] == before["supported_skills"]
                    && record["status"] == "idle"
            })
            .await;
        assert_eq!(after["skills_hash"], before["skills_hash"]);
        let asked = stage.orchestrator.messages("heartbeat").await;
        assert!(
            asked
                .iter()
                .any(|it| it["answer"]["require_full_sync"] == true),
            "{asked:#?}"
        );
        let job = stage.orchestrator.run_task("echo", json!({})).await;
        assert_eq!(job["status"], "finished", "{job:#}");
    }
}

#[actix_rt::test]
async fn the_catalogue_is_not_repeated_in_heartbeats() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    for _ in 0..3 {
        let job = stage
            .orchestrator
            .run_task("sleep", json!({ "seconds": 1.0 }))
            .await;
        assert_eq!(job["status"], "finished", "{job:#}");
    }
    let beats = stage.orchestrator.messages("heartbeat").await;
    let with_body: Vec<_> = beats
        .iter()
        .filter(|it| it["payload"].is_object())
        .collect();
    assert!(with_body.len() >= 3, "{beats:#?}");
    for beat in with_body {
        let payload = &beat["payload"];
        assert!(payload["skills_hash"].is_string(), "{beat:#}");
        assert_eq!(payload["supported_skills"], Value::Null, "{beat:#}");
    }
}
