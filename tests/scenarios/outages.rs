//! The orchestrator is not there, or not any more.

use std::net::TcpListener;
use std::time::Duration;

use crate::RELEASE;
use crate::support::{OrchestratorSetup, Stage, Storage, json};

#[actix_rt::test]
async fn a_worker_that_came_first_registers_when_the_orchestrator_comes_up() {
    let mut stage = Stage::closed(Storage::Memory, OrchestratorSetup::new(RELEASE)).await;
    let door = TcpListener::bind(stage.orchestrator.address()).expect("the port is free");
    let worker = stage.worker().start();
    // The worker has knocked, and nobody answered.
    let knock = actix_rt::task::spawn_blocking(move || door.accept().map(drop));
    let knocked = actix_rt::time::timeout(Duration::from_secs(20), knock).await;
    knocked
        .expect("a first try")
        .expect("no panic")
        .expect("a connection");
    stage.orchestrator.start().await;

    stage.orchestrator.registered(worker.id()).await;
    let job = stage
        .orchestrator
        .run_task("add", json!({ "a": 2, "b": 2 }))
        .await;
    assert_eq!(job["state_history"]["sum"], 4, "{job:#}");
}

#[actix_rt::test]
async fn an_orchestrator_that_lost_its_memory_gets_the_worker_back() {
    let mut stage = Stage::new(RELEASE, Storage::Memory).await;
    let mut worker = stage.started_worker().await;
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 2.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    stage.orchestrator.kill();
    stage.orchestrator.start().await;

    // Nobody knows the job any more; its result must not stand in the way of others.
    stage
        .orchestrator
        .worker_shows(
            worker.id(),
            "is registered again, with nothing to do",
            |record| record["status"] == "idle" && record["current_tasks"] == json!([]),
        )
        .await;
    for n in 0..5 {
        let job = stage
            .orchestrator
            .run_task("add", json!({ "a": n, "b": 1 }))
            .await;
        assert_eq!(job["state_history"]["sum"], n + 1, "{job:#}");
    }
    assert!(worker.is_running());
}

#[actix_rt::test]
async fn a_task_that_ran_through_a_restart_finishes_its_job() {
    let mut stage = Stage::new(RELEASE, Storage::Redis).await;
    let worker = stage.started_worker().await;
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 8.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    stage.orchestrator.kill();
    stage.orchestrator.start().await;

    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    assert_eq!(
        record["state_history"]["slept"].as_f64(),
        Some(8.0),
        "{record:#}"
    );
    assert_eq!(record["retry_count"], 0, "{record:#}");
}

#[actix_rt::test]
async fn a_result_that_found_nobody_is_delivered_after_the_outage() {
    let mut stage = Stage::new(RELEASE, Storage::Redis).await;
    let worker = stage.started_worker().await;
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 1.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    stage.orchestrator.kill();
    // Nothing outside the worker shows that the task is over; the outage outlasts it by far.
    actix_rt::time::sleep(Duration::from_secs(4)).await;
    stage.orchestrator.start().await;

    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    assert_eq!(
        record["state_history"]["slept"].as_f64(),
        Some(1.0),
        "{record:#}"
    );
    let next = stage
        .orchestrator
        .run_task("echo", json!({ "after": true }))
        .await;
    assert_eq!(next["status"], "finished", "{next:#}");
}
