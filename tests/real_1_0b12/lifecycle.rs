//! What a client cannot do.

use crate::RELEASE;
use crate::support::{Stage, Storage, json};

#[actix_rt::test]
async fn a_cancel_that_has_no_way_to_the_worker_changes_nothing() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.started_worker().await;
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 2.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    let (status, answer) = stage.orchestrator.cancel(&job).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(answer["status"], "cancellation_request_accepted");
    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "finished", "{record:#}");
}
