//! A worker that is in no state to do tasks takes none, says why, and comes back by itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axon_worker::transport::Availability;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{TaskError, TaskFiles, WorkerBuilder, WorkerHandle};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Gate, SECOND, start, worker};

fn unwell(handle: &WorkerHandle) -> String {
    let reason = handle.status().unwell;
    reason.as_deref().unwrap_or_default().to_owned()
}

async fn write(_: Value, files: TaskFiles) -> Result<(), TaskError> {
    files.write("a", "x").await?;
    Ok(())
}

fn with_files(orchestrator: &MemoryOrchestrator, folder: &Path) -> WorkerBuilder {
    let folder = folder.to_owned();
    worker(orchestrator, &Gate::closed())
        .task("write", write)
        .configure(move |settings| settings.storage.task_files_dir = folder)
}

fn set_mode(folder: &Path, bits: u32) {
    fs::set_permissions(folder, Permissions::from_mode(bits)).expect("a mode");
}

#[actix_rt::test]
async fn nothing_is_polled_before_the_users_check_says_yes_and_while_it_says_no() {
    let orchestrator = MemoryOrchestrator::new();
    orchestrator.set_hold(SECOND);
    let is_well = Arc::new(AtomicBool::new(false));
    let asked = is_well.clone();
    let check = move || {
        let is_well = asked.load(Ordering::SeqCst);
        async move {
            if is_well {
                Ok(())
            } else {
                Err("the device is gone")
            }
        }
    };
    let handle = start(worker(&orchestrator, &Gate::closed()).ready_when(check)).await;
    let task = orchestrator.submit("echo", &());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Poll), 0);
    assert!(
        unwell(&handle).ends_with("the device is gone"),
        "{handle:?}"
    );
    assert_eq!(handle.status().open_for, None);
    let registered = &orchestrator.registered_as()[0];
    assert_eq!(registered.availability, Availability::Busy);
    for report in orchestrator.reports() {
        assert_eq!(report.availability, Availability::Busy);
        assert!(report.available.is_empty());
    }

    is_well.store(true, Ordering::SeqCst);
    let since = Instant::now();
    orchestrator.result_of(&task).await;
    assert!(since.elapsed() <= 6 * SECOND, "{:?}", since.elapsed());
    assert_eq!(unwell(&handle), "");

    is_well.store(false, Ordering::SeqCst);
    orchestrator
        .report_where(|report| {
            report.availability == Availability::Busy && report.running.is_empty()
        })
        .await;
    tokio::time::sleep(10 * SECOND).await;
    let polls = orchestrator.count(Call::Poll);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Poll), polls, "not one more");
    assert!(!unwell(&handle).is_empty());
}

#[actix_rt::test]
async fn a_check_that_does_not_answer_is_a_no() {
    let orchestrator = MemoryOrchestrator::new();
    let silent = worker(&orchestrator, &Gate::closed()).ready_when(std::future::pending::<bool>);
    let handle = start(silent).await;
    tokio::time::sleep(10 * SECOND).await;
    assert!(
        unwell(&handle).contains("no answer within 5 s"),
        "{handle:?}"
    );
    assert_eq!(orchestrator.count(Call::Poll), 0);
}

async fn panics() -> bool {
    panic!("as asked")
}

#[actix_rt::test]
async fn a_check_that_panics_is_a_no() {
    let orchestrator = MemoryOrchestrator::new();
    let handle = start(worker(&orchestrator, &Gate::closed()).ready_when(panics)).await;
    tokio::time::sleep(10 * SECOND).await;
    assert!(unwell(&handle).contains("panicked"), "{handle:?}");
    assert_eq!(orchestrator.count(Call::Poll), 0);
}

#[actix_rt::test]
async fn a_failing_disk_costs_one_task_and_no_more_until_it_is_well() {
    let dir = tempfile::tempdir().expect("a folder");
    let orchestrator = MemoryOrchestrator::new();
    orchestrator.set_hold(SECOND);
    let builder = with_files(&orchestrator, dir.path()).max_concurrent_tasks(1);
    let handle = start(builder).await;
    let first = orchestrator.submit("write", &());
    orchestrator.result_of(&first).await;
    assert_eq!(unwell(&handle), "");

    // Even root is refused by this: others could have a hand in it.
    set_mode(dir.path(), 0o777);
    fs::remove_dir_all(
        fs::read_dir(dir.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path(),
    )
    .expect("the folder of the process");
    for _ in 0..100 {
        orchestrator.submit("write", &());
    }
    tokio::time::sleep(60 * SECOND).await;
    let taken = 100 - orchestrator.queued();
    // One, and what a poll brought that was open meanwhile.
    assert!((1..=3).contains(&taken), "{taken} tasks went wrong");
    let reason = unwell(&handle);
    let path = dir.path().display().to_string();
    assert!(
        reason.contains("TASK_FILES_DIR") && reason.contains(&path),
        "{reason}"
    );
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Busy);

    set_mode(dir.path(), 0o700);
    let since = Instant::now();
    orchestrator
        .report_where(|report| {
            report.availability == Availability::Idle && report.running.is_empty()
        })
        .await;
    orchestrator.results(101).await;
    assert!(since.elapsed() <= 90 * SECOND, "{:?}", since.elapsed());
    assert_eq!(unwell(&handle), "");
}

#[actix_rt::test]
async fn a_folder_that_cannot_be_used_does_not_keep_tasks_without_files_away() {
    let dir = tempfile::tempdir().expect("a folder");
    set_mode(dir.path(), 0o777);
    let orchestrator = MemoryOrchestrator::new();
    let handle = start(with_files(&orchestrator, dir.path())).await;
    for _ in 0..10 {
        let task = orchestrator.submit("echo", &());
        orchestrator.result_of(&task).await;
    }
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(unwell(&handle), "");
}

#[actix_rt::test]
async fn with_too_little_room_on_the_disk_the_first_poll_is_not_sent() {
    let dir = tempfile::tempdir().expect("a folder");
    let orchestrator = MemoryOrchestrator::new();
    let builder = with_files(&orchestrator, dir.path())
        .configure(|settings| settings.storage.min_free_disk = u64::MAX);
    let handle = start(builder).await;
    orchestrator.submit("echo", &());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Poll), 0);
    assert!(unwell(&handle).contains("AXON_MIN_FREE_DISK"), "{handle:?}");
    assert_eq!(
        orchestrator.registered_as()[0].availability,
        Availability::Busy
    );
}
