//! The limits that the orchestrator ships with: 60 polls a minute and 100 requests of any other
//! kind, counted in a window that every request, refused ones too, opens anew.

use std::time::Duration;

use crate::RELEASE;
use crate::support::{OrchestratorSetup, Stage, Storage, json};

/// More jobs than there are polls in a minute.
const JOBS: u64 = 80;

#[actix_rt::test]
async fn eighty_quick_jobs_finish_under_the_limits_that_the_orchestrator_ships_with() {
    let stage = Stage::with(Storage::Memory, OrchestratorSetup::as_shipped(RELEASE)).await;
    // The worker's own intervals, too: a faster heartbeat alone would use up the limits.
    let worker = stage.worker().set("HEARTBEAT_INTERVAL", "15").start();
    stage.orchestrator.registered(worker.id()).await;
    let mut jobs = Vec::new();
    for n in 0..JOBS {
        let order = json!({ "task": "add", "params": { "a": n, "b": 1 }, "wait": 100 });
        jobs.push(stage.orchestrator.submit("single", order).await);
        // Jobs come one by one, so that each costs a poll of its own.
        actix_rt::time::sleep(Duration::from_millis(400)).await;
    }
    for (n, job) in (0..JOBS).zip(jobs) {
        let record = stage
            .orchestrator
            .end_of_within(&job, Duration::from_secs(200))
            .await;
        assert_eq!(record["status"], "finished", "job {n}: {record:#}");
        assert_eq!(record["state_history"]["sum"], n + 1);
    }
    let refused = stage.orchestrator.output().matches("\" 429 ").count();
    assert!(
        refused > 0,
        "the limits were never reached, so this shows nothing"
    );
    assert!(
        refused < 40,
        "{refused} requests were refused: the worker keeps asking"
    );
}
