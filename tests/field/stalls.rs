//! Something below the worker stalls, and does not take it along.

use axon_worker::dev::{DevOrchestrator, Endpoint, Fault, JobSpec, JobState};
use serde_json::json;

use std::time::Instant;

use crate::stage::{LONG, Stage, run, text};
use crate::until::until;

#[actix_rt::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator).with("LOG_LEVEL", "debug");
    let mut worker = stage.start_unread();
    // Each leaves some lines; a pipe holds 64 KiB.
    let load = orchestrator.load("fail", json!({"code": "PERMANENT_ERROR"}), 600);
    load.finished().await;
    assert_eq!(stage.asks("/health").await.expect("an answer").0, 200);
    stage.ready(200).await;

    let job = orchestrator.submit(JobSpec::task("noop", json!({}))).await;
    assert_eq!(job.unwrap().finished().await.state, JobState::Finished);
    worker.signal("TERM");
    assert_eq!(worker.ended().await, 0);
}

/// A file system in memory of a certain size, until it is dropped.
struct Tmpfs(String);

impl Tmpfs {
    fn mount(at: &str, size: &str) -> Self {
        let options = format!("size={size},mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", at]);
        Self(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        run("umount", &["-l", &self.0]);
    }
}

#[actix_rt::test]
async fn a_worker_whose_disk_is_full_takes_no_tasks_and_heals() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator);
    // Whoever has a storage needs the folder.
    let storage = text(&stage.path("objects"));
    let stage = stage.with("AXON_STORAGE_DIR", storage);
    let folder = stage.path("files");
    std::fs::create_dir(&folder).unwrap();
    let _disk = Tmpfs::mount(&text(&folder), "64k");
    let filler = folder.join("filler");
    let _ = std::fs::write(&filler, vec![0; 1 << 20]);

    let _worker = stage.start();
    stage.says("registered").await;
    let began = Instant::now();
    while !stage.ready(503).await.contains("TASK_FILES_DIR") {
        assert!(began.elapsed() < LONG, "{}", stage.log());
    }
    let job = orchestrator.submit(JobSpec::task("noop", json!({}))).await;
    let job = job.unwrap();
    stage.ready(503).await;
    assert_eq!(job.report().state, JobState::Waiting);

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(job.finished().await.state, JobState::Finished);
    stage.ready(200).await;
}

#[actix_rt::test]
async fn a_journal_that_was_removed_is_written_anew() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let stage = Stage::new(&orchestrator);
    orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 1_000_000);
    let worker = stage.start();
    let load = orchestrator.load("noop", json!({}), 5);
    orchestrator
        .wait_until(|view| view.requests(Endpoint::Result) >= 5)
        .await;
    std::fs::remove_dir_all(stage.path("state")).unwrap();
    stage.says("journal").await;
    let is_there = || {
        let found = walk(&stage.path("state"));
        found.iter().any(|size| *size > 500)
    };
    until("the journal is there again", is_there).await;

    worker.signal("KILL");
    drop(worker);
    orchestrator.clear_faults();
    let _worker = stage.start();
    assert_eq!(load.finished().await.finished, 5);
}

/// The sizes of all files in a folder.
fn walk(folder: &std::path::Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let sizes = entries.flatten().flat_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            walk(&path)
        } else {
            entry.metadata().map(|it| it.len()).into_iter().collect()
        }
    });
    sizes.collect()
}
