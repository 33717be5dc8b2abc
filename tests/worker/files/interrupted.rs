//! Cancels, time limits and the end of the worker, while files are on their way.

use axon_worker::{Interruption, Outcome, TaskId};

use super::*;

/// A task whose file is on its way and does not get on.
async fn held_download(stage: &Stage) -> TaskId {
    stage.shelf.put("s3://in/a", "x");
    stage.shelf.gets(Mood::Holding);
    let task = stage
        .orchestrator
        .submit("upper", &json!({ "input": "s3://in/a" }));
    until("the download begins", || stage.shelf.busy() == 1).await;
    task
}

#[actix_rt::test]
async fn a_cancel_ends_a_download_and_the_handler_is_never_called() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    let task = held_download(&stage).await;
    // The grace time of half a minute is for handlers; a download needs none.
    worker.cancel(task.as_str());
    let result = stage.orchestrator.result_of(&task).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    until("the request is gone", || stage.shelf.busy() == 0).await;
    assert_eq!(stage.calls.load(Ordering::SeqCst), 0);
    until("the folder is gone", || stage.task_folders().is_empty()).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_cancel_ends_an_upload() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    stage.shelf.puts(Mood::Holding);
    let task = stage.orchestrator.submit("end", &"success");
    until("the upload begins", || stage.shelf.busy() == 1).await;
    assert_eq!(stage.task_folders().len(), 1, "it stays for the upload");
    worker.cancel(task.as_str());
    let result = stage.orchestrator.result_of(&task).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    until("the request is gone", || stage.shelf.busy() == 0).await;
    worker.shutdown().await;
    assert!(stage.shelf.keys(BUCKET).is_empty());
}

#[actix_rt::test]
async fn a_time_limit_holds_for_downloads_as_well() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    stage.shelf.put("s3://in/a", "x");
    stage.shelf.gets(Mood::Holding);
    let result = stage.run("brief", &json!({ "input": "s3://in/a" })).await;
    assert_eq!(error(&result).code(), &ErrorCode::Timeout);
    assert_eq!(stage.calls.load(Ordering::SeqCst), 0);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_shutdown_ends_transfers_when_its_time_is_up() {
    let stage = Stage::new();
    let builder = stage.worker().configure(|settings| {
        settings.timing.shutdown_timeout = Duration::from_millis(300);
    });
    let worker = builder.spawn().unwrap();
    let task = held_download(&stage).await;
    let report = worker.shutdown().await;
    let result = stage.orchestrator.result_of(&task).await;
    let interrupted = Outcome::Interrupted(Interruption::ShutDown);
    assert_eq!(result.outcome, interrupted);
    assert_eq!((report.interrupted, report.stuck, report.unsent), (1, 0, 0));
    assert_eq!(stage.shelf.busy(), 0);
    assert!(stage.task_folders().is_empty());
}
