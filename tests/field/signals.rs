//! Ending, stopping and deploying.

use axon_worker::dev::{DevOrchestrator, JobHandle, JobSpec, JobState};
use serde_json::json;
use std::time::Duration;

use crate::stage::Stage;

async fn sleeping(orchestrator: &DevOrchestrator, seconds: f64) -> JobHandle {
    let spec = JobSpec::task("sleep", json!({ "seconds": seconds }));
    let job = orchestrator.submit(spec).await.unwrap();
    orchestrator
        .wait_until(|view| view.running_tasks("sleep").now == 1)
        .await;
    job
}

#[actix_rt::test]
async fn a_signal_that_comes_twice_because_a_wrapper_forwards_it_loses_no_job() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator);
    // It signals the child, and then its own group.
    let mut worker = stage.start_by(&["timeout", "2"]);
    let job = sleeping(&orchestrator, 4.0).await;
    assert_eq!(job.finished().await.state, JobState::Finished);
    assert_eq!(worker.ended().await, 124, "ended by timeout");
}

#[actix_rt::test]
async fn a_worker_that_was_stopped_for_longer_than_its_lease_gets_tasks_again() {
    let builder = DevOrchestrator::builder().lease(Duration::from_secs(2));
    let orchestrator = builder.start().await.unwrap();
    let stage = Stage::new(&orchestrator).with("HEARTBEAT_INTERVAL", "0.5");
    let worker = stage.start();
    stage.ready(200).await;
    worker.signal("STOP");
    orchestrator
        .wait_until(|view| view.worker("field").is_none())
        .await;
    worker.signal("CONT");
    let job = orchestrator.submit(JobSpec::task("noop", json!({}))).await;
    assert_eq!(job.unwrap().finished().await.state, JobState::Finished);
}
