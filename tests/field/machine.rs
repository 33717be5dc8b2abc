//! The machine is not as it should be, and the worker says so.

use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobSpec, JobState};
use serde_json::json;

use crate::stage::{Stage, run, text};

#[actix_rt::test]
async fn too_few_open_files_are_an_error_that_names_the_limit() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator).with("AXON_HANDLER_THREADS", "64");
    let mut worker = stage.start_by(&["sh", "-c", "ulimit -n 24; exec \"$0\""]);
    assert_eq!(worker.ended().await, 1);
    let log = stage.log();
    assert!(log.contains("open files") && log.contains("24"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[actix_rt::test]
async fn a_folder_that_somebody_else_made_is_refused_with_its_path() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator);
    let journal = stage.path("state");
    std::fs::create_dir(&journal).unwrap();
    run("chown", &["12345", &text(&journal)]);
    run("chmod", &["0777", &text(&journal)]);
    let planted = stage.with("AXON_JOURNAL_DIR", text(&journal));
    let _worker = planted.start();
    planted.says("belongs to another user (uid 12345)").await;
    let log = planted.log();
    assert!(log.contains(&text(&journal)), "{log}");
    // Nothing was taken from it, and nothing was written there.
    assert_eq!(std::fs::read_dir(&journal).unwrap().count(), 0);

    // Whoever wants a journal or nothing gets an error.
    let strict = planted.with("AXON_JOURNAL", "on");
    assert_eq!(strict.start().ended().await, 1);
}

#[actix_rt::test]
async fn a_clock_that_is_fast_times_no_task_out() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator);
    let _worker = stage.start_by(&["faketime", "-f", "+50s"]);
    let spec = JobSpec::task("noop", json!({})).deadline_in(Duration::from_secs(40));
    let job = orchestrator.submit(spec).await.unwrap();
    assert_eq!(job.finished().await.state, JobState::Finished);
}
