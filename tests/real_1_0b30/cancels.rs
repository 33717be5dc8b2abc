//! Cancels that find their way without a socket.

use std::time::{Duration, Instant};

use crate::RELEASE;
use crate::support::{Stage, Storage, json};

on_both_storages! {
    a_cancel_without_a_socket_comes_with_the_next_heartbeat,
}

mod scenario {
    use super::*;

    pub(super) async fn a_cancel_without_a_socket_comes_with_the_next_heartbeat(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let sleep = json!({ "seconds": 60.0 });
        let cancelled = stage.orchestrator.submit_task("sleep", sleep.clone()).await;
        stage
            .orchestrator
            .job_is_running(&cancelled, worker.id())
            .await;
        let other = json!({ "seconds": 8.0 });
        let other = stage.orchestrator.submit_task("sleep", other).await;
        stage.orchestrator.job_is_running(&other, worker.id()).await;

        let began = Instant::now();
        let (status, answer) = stage.orchestrator.cancel(&cancelled).await;
        assert!(status.is_success(), "{answer}");
        let results = stage.orchestrator.results(&cancelled, 1).await;
        assert_eq!(results[0]["status"], "cancelled", "{results:#?}");
        assert!(began.elapsed() < Duration::from_secs(10));
        let record = stage.orchestrator.end_of(&cancelled).await;
        assert_eq!(record["status"], "cancelled", "{record:#}");
        // That of another job goes on.
        let record = stage.orchestrator.end_of(&other).await;
        assert_eq!(record["status"], "finished", "{record:#}");
    }
}
