//! Bodies that are compressed, or too large.

use crate::RELEASE;
use crate::support::{Stage, Storage, json};

on_both_storages! {
    a_compressed_task_arrives_whole,
}

mod scenario {
    use super::*;

    pub(super) async fn a_compressed_task_arrives_whole(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        // Far above the 500 bytes from which on it compresses, and not all alike.
        let lines: Vec<_> = (0..2000).map(|n| format!("line {n} añb 漢字 🦀")).collect();
        let params = json!({ "lines": lines });
        let job = stage.orchestrator.run_task("echo", params.clone()).await;
        assert_eq!(job["status"], "finished");
        assert_eq!(job["state_history"], params);
        let offered = stage.orchestrator.messages("register").await;
        let offered = offered[0]["accepts"].as_str().expect("what it accepts");
        assert!(offered.contains("gzip"), "{offered}");
        assert!(!worker.output().contains("WARN"), "{}", worker.output());
    }
}

#[actix_rt::test]
async fn a_result_that_is_too_large_becomes_a_failure_that_says_so() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    // The task passes, its result with everything around it does not.
    let params = json!({ "text": "x".repeat((1 << 20) - 200) });
    let job = stage.orchestrator.submit_task("echo", params).await;
    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "quarantined");
    let results = stage.orchestrator.results(&job, 1).await;
    assert_eq!(results[0]["error"]["code"], "PERMANENT_ERROR");
    let message = results[0]["error"]["message"].as_str().expect("a text");
    assert!(message.contains("large"), "{message}");
}
