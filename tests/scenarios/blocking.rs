//! Handlers that keep a thread for themselves hold up nothing that the orchestrator sees.

use crate::RELEASE;
use crate::support::{Stage, Storage, json};

/// How long the thread is kept.
const SECONDS: f64 = 5.0;

#[actix_rt::test]
async fn a_badly_behaved_handler_delays_no_heartbeat_and_no_poll() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    // One thread for all handlers, so that it is certainly the one that is blocked.
    let worker = stage.worker().set("AXON_HANDLER_THREADS", "1").start();
    stage.orchestrator.registered(worker.id()).await;
    let slow = stage
        .orchestrator
        .submit_task("block", json!({ "seconds": SECONDS }))
        .await;
    stage.orchestrator.job_is_running(&slow, worker.id()).await;
    let next = stage.orchestrator.submit_task("echo", json!({})).await;
    stage.orchestrator.job_is_running(&next, worker.id()).await;
    let record = stage.orchestrator.job(&slow).await;
    assert_eq!(
        record["status"], "waiting_for_worker",
        "polls went on: {record:#}"
    );

    for job in [slow, next] {
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
    }
    let events = stage.orchestrator.worker_events(worker.id()).await;
    let times: Vec<_> = events
        .iter()
        .filter_map(|event| event["timestamp"].as_f64())
        .collect();
    let longest = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f64::max);
    assert!(
        longest < SECONDS / 2.0,
        "{longest:.1} s without a heartbeat, one is due each second"
    );
}

#[actix_rt::test]
async fn a_blocking_handler_delays_no_other_handler() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.worker().set("AXON_HANDLER_THREADS", "1").start();
    stage.orchestrator.registered(worker.id()).await;
    let slow = stage
        .orchestrator
        .submit_task("spin", json!({ "seconds": SECONDS }))
        .await;
    stage.orchestrator.job_is_running(&slow, worker.id()).await;
    let quick = stage
        .orchestrator
        .run_task("add", json!({ "a": 1, "b": 1 }))
        .await;
    assert_eq!(quick["status"], "finished", "{quick:#}");
    let record = stage.orchestrator.job(&slow).await;
    assert_eq!(record["status"], "waiting_for_worker", "{record:#}");
    let record = stage.orchestrator.end_of(&slow).await;
    let spun = &record["state_history"]["spun"];
    assert_eq!(spun.as_f64(), Some(SECONDS), "{record:#}");
}
