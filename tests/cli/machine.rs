//! What `check` says of this machine: folders, the journal, the port.

use std::net::TcpListener;

use axon_worker::Worker;
use axon_worker::config::JournalMode;
use axon_worker::dev::DevOrchestrator;
use serde_json::Value;

use crate::program::Program;

const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn folders_that_cannot_be_written_are_told() {
    let folder = tempfile::tempdir().unwrap();
    // Root may write anywhere, but not below a file.
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let below = file.join("below");
    let below = below.to_str().unwrap();
    let report = Program::check(NOWHERE, folder.path())
        .env("TASK_FILES_DIR", below)
        .env("AXON_JOURNAL_DIR", below)
        .env("AXON_STORAGE_DIR", below)
        .env("WORKER_BLOB_CACHE_DIR", below)
        .report();
    assert_eq!(report.code, Some(1));
    report.says("TASK_FILES_DIR", "writable", "fail", "cannot be made");
    report.says("WORKER_BLOB_CACHE_DIR", "writable", "fail", "cannot");
    report.says("journal", "writable", "fail", "AXON_JOURNAL_DIR");
    report.says("storage", "put", "fail", "");
    let hint = report.line("TASK_FILES_DIR", "writable")["hint"].as_str();
    assert!(hint.unwrap().contains("TASK_FILES_DIR"));
}

#[test]
fn a_folder_that_is_missing_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let report = Program::check(NOWHERE, folder.path()).report();
    report.says("TASK_FILES_DIR", "writable", "warn", "it is missing");
    report.says("journal", "writable", "ok", "it is missing");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    std::fs::create_dir(folder.path().join("files")).unwrap();
    let report = Program::check(NOWHERE, folder.path()).report();
    report.says("TASK_FILES_DIR", "writable", "ok", "written and removed");
    let files = std::fs::read_dir(folder.path().join("files")).unwrap();
    assert_eq!(files.count(), 0);
}

#[test]
fn a_local_storage_works_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    let report = Program::check(NOWHERE, folder.path())
        .env("AXON_STORAGE_DIR", root.to_str().unwrap())
        .env("S3_DEFAULT_BUCKET", "results")
        .report();
    for check in ["put", "get", "list", "delete"] {
        report.says("storage", check, "ok", "");
    }
    let left = std::fs::read_dir(root.join("results")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let check = || Program::check(NOWHERE, folder.path()).env("WORKER_PORT", &port);
    let report = check().report();
    assert_eq!(report.code, Some(1));
    report.says("port", "free", "fail", "in use");
    let hint = report.line("port", "free")["hint"].as_str().unwrap();
    assert!(hint.contains("WORKER_PORT"), "{hint}");
}

async fn nothing(_: Value) -> Result<Value, axon_worker::TaskError> {
    Ok(Value::Null)
}

#[actix_rt::test]
async fn a_journal_that_another_worker_has_is_told() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let mut settings = orchestrator.worker_settings();
    settings.journal.mode = JournalMode::On;
    settings.journal.dir = Some(journal.clone());
    let worker = Worker::builder("test")
        .settings(settings)
        .task("nothing", nothing)
        .spawn()
        .unwrap();
    orchestrator
        .wait_until(|view| !view.workers().is_empty())
        .await;
    let check = || {
        Program::check(&orchestrator.url(), folder.path())
            .env("AXON_JOURNAL_DIR", journal.to_str().unwrap())
            .report()
    };
    let report = check();
    assert_eq!(report.code, Some(1));
    report.says("journal", "writable", "fail", "in use");
    worker.shutdown().await;
    check().says("journal", "writable", "ok", "no other worker");
}
