//! Files on their way through the worker: down before the handler, up after it.
//! Real threads, real time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    Data, ErrorCode, Outcome, RawJson, Reply, TaskContext, TaskError, TaskFiles, TaskHandler,
    TaskResult, TaskSpec, Worker, WorkerBuilder, actor, blocking,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shelf::{Mood, Shelf};

/// Calls of handlers.
type Calls = Arc<AtomicUsize>;

const BUCKET: &str = "avtomatika-payloads";

#[derive(Deserialize)]
struct Input {
    input: PathBuf,
}

async fn upper(params: Input, files: TaskFiles, calls: Data<Calls>) -> Result<Value, TaskError> {
    calls.fetch_add(1, Ordering::SeqCst);
    let text = tokio::fs::read_to_string(&params.input).await?;
    let output = files.write("out.txt", text.to_uppercase()).await?;
    Ok(json!({ "output": output }))
}

fn upper_blocking(params: Input, files: TaskFiles) -> Result<Value, TaskError> {
    let text = std::fs::read_to_string(&params.input)?;
    let output = files.write_now("out.txt", text.to_uppercase())?;
    Ok(json!({ "output": output }))
}

struct Upper;

impl TaskHandler for Upper {
    type Params = Input;
    type Output = Value;

    async fn handle(&mut self, params: Input, task: TaskContext) -> Result<Value, TaskError> {
        let text = tokio::fs::read_to_string(&params.input).await?;
        let output = task.files().write("out.txt", text.to_uppercase()).await?;
        Ok(json!({ "output": output }))
    }
}

/// Writes a file and then ends in the way that is asked for.
async fn end(how: String, files: TaskFiles) -> Result<Reply, TaskError> {
    let file = files.write("out.txt", "x").await?;
    match how.as_str() {
        "panic" => panic!("as asked, after {}", file.display()),
        "fail" => Err(TaskError::permanent(file.display().to_string())),
        status => Reply::status_with(status, &json!({ "file": file })),
    }
}

async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

struct Stage {
    orchestrator: MemoryOrchestrator,
    shelf: Shelf,
    calls: Calls,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self {
            orchestrator: MemoryOrchestrator::new(),
            shelf: Shelf::new(),
            calls: Calls::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn bare_worker(&self) -> WorkerBuilder {
        let mut settings = Settings::default();
        settings.storage.task_files_dir = self.folder.path().join("tasks");
        settings.storage.max_retries = 2;
        settings.timing.cancel_grace = Duration::from_secs(30);
        Worker::builder("test")
            .settings(settings)
            .transport("memory", self.orchestrator.connect())
            .data(self.calls.clone())
            .task("upper", upper)
            .task("upper_blocking", blocking(upper_blocking))
            .task("upper_actor", actor(|| Ok(Upper)))
            .task(
                TaskSpec::named("brief").time_limit(Duration::from_millis(200)),
                upper,
            )
            .task("end", end)
            .task("echo", echo)
    }

    fn worker(&self) -> WorkerBuilder {
        self.bare_worker().storage(self.shelf.clone())
    }

    async fn run(&self, name: &str, params: &Value) -> TaskResult {
        let task = self.orchestrator.submit(name, params);
        self.orchestrator.result_of(&task).await
    }

    /// Files and folders of tasks, whatever process they belong to.
    fn task_folders(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let processes = entries(&self.folder.path().join("tasks"));
        let inside = processes.iter().flat_map(|process| entries(process));
        inside.filter(|path| path.is_dir()).collect()
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("not in time: {what}");
}

#[track_caller]
fn data(result: &TaskResult) -> Value {
    match &result.outcome {
        Outcome::Completed(reply) => reply.data().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn error(result: &TaskResult) -> &TaskError {
    match &result.outcome {
        Outcome::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn every_shape_of_handler_sees_local_files_and_returns_them() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    for name in ["upper", "upper_blocking", "upper_actor"] {
        stage.shelf.put("s3://in/a.txt", "hello");
        let result = stage.run(name, &json!({ "input": "s3://in/a.txt" })).await;
        let uri = data(&result)["output"].as_str().unwrap().to_owned();
        let (job, task) = (&result.job_id, &result.task_id);
        assert_eq!(uri, format!("s3://{BUCKET}/{job}/{task}/out.txt"));
        assert_eq!(stage.shelf.content(&uri).as_deref(), Some("HELLO"));
        let Outcome::Completed(reply) = &result.outcome else {
            unreachable!()
        };
        let told: Value = reply.data_metadata().unwrap().parse().unwrap();
        assert_eq!(told["output"]["uri"], uri);
        assert_eq!(told["output"]["size"], 5);
        assert!(told["output"]["etag"].is_string());
    }
    worker.shutdown().await;
    assert!(stage.task_folders().is_empty());
    assert_eq!(
        std::fs::read_dir(stage.folder.path().join("tasks"))
            .unwrap()
            .count(),
        0
    );
}

#[actix_rt::test]
async fn tasks_with_equal_file_names_do_not_meet() {
    let stage = Stage::new();
    let worker = stage.worker().max_concurrent_tasks(20).spawn().unwrap();
    let mut tasks = Vec::new();
    for number in 0..60 {
        stage
            .shelf
            .put(&format!("s3://in/{number}/a.txt"), format!("text {number}"));
        let params = json!({ "input": format!("s3://in/{number}/a.txt") });
        tasks.push(stage.orchestrator.submit("upper", &params));
    }
    for (number, task) in tasks.iter().enumerate() {
        let result = stage.orchestrator.result_of(task).await;
        let uri = data(&result)["output"].as_str().unwrap().to_owned();
        let content = stage.shelf.content(&uri).unwrap();
        assert_eq!(content, format!("TEXT {number}"));
    }
    assert_eq!(stage.shelf.keys(BUCKET).len(), 60);
    worker.shutdown().await;
    assert!(stage.task_folders().is_empty());
}

#[actix_rt::test]
async fn a_cancel_ends_a_download_and_the_handler_is_never_called() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    stage.shelf.put("s3://in/a", "x");
    stage.shelf.gets(Mood::Holding);
    let task = stage
        .orchestrator
        .submit("upper", &json!({ "input": "s3://in/a" }));
    until("the download begins", || stage.shelf.busy() == 1).await;
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
    stage.shelf.put("s3://in/a", "x");
    stage.shelf.gets(Mood::Holding);
    let task = stage
        .orchestrator
        .submit("upper", &json!({ "input": "s3://in/a" }));
    until("the download begins", || stage.shelf.busy() == 1).await;
    let report = worker.shutdown().await;
    let result = stage.orchestrator.result_of(&task).await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    assert_eq!((report.interrupted, report.stuck, report.unsent), (1, 0, 0));
    assert_eq!(stage.shelf.busy(), 0);
    assert!(stage.task_folders().is_empty());
}

#[actix_rt::test]
async fn files_that_are_missing_or_not_the_announced_ones_end_the_task() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    let result = stage
        .run("upper", &json!({ "input": "s3://in/none" }))
        .await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    let text = error(&result).message();
    assert_eq!(text, "field `input`: s3://in/none does not exist");
    stage.shelf.put("s3://in/a", "hello");
    for (said, what) in [
        (json!({ "size": 6, "etag": null }), "size"),
        (json!({ "size": 5, "etag": "\"other\"" }), "ETag"),
    ] {
        let metadata = RawJson::from_serialize(&json!({ "input": said })).unwrap();
        let params = RawJson::from_serialize(&json!({ "input": "s3://in/a" })).unwrap();
        let task = stage
            .orchestrator
            .submit_with("upper", params, move |task| {
                task.params_metadata = Some(metadata);
            });
        let result = stage.orchestrator.result_of(&task).await;
        assert_eq!(error(&result).code(), &ErrorCode::IntegrityMismatch);
        assert!(error(&result).message().contains(what), "{result:?}");
    }
    assert_eq!(stage.calls.load(Ordering::SeqCst), 0);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_storage_that_is_down_is_tried_again_and_then_a_transient_failure() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    stage.shelf.put("s3://in/a", "hello");
    stage.shelf.gets(Mood::Down);
    let result = stage.run("upper", &json!({ "input": "s3://in/a" })).await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    assert_eq!(stage.shelf.begun(), 3, "two retries");
    stage.shelf.gets(Mood::Willing);
    stage.shelf.puts(Mood::Down);
    let result = stage.run("upper", &json!({ "input": "s3://in/a" })).await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    let text = error(&result).message();
    assert!(text.starts_with("result `output`: "), "{text}");
    // Back in time: nothing was lost.
    let task = stage
        .orchestrator
        .submit("upper", &json!({ "input": "s3://in/a" }));
    let before = stage.shelf.begun();
    until("an attempt", || stage.shelf.begun() >= before + 2).await;
    stage.shelf.puts(Mood::Willing);
    let result = stage.orchestrator.result_of(&task).await;
    let uri = data(&result)["output"].as_str().unwrap().to_owned();
    assert_eq!(stage.shelf.content(&uri).as_deref(), Some("HELLO"));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn only_what_a_handler_replies_is_uploaded() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    for how in ["panic", "fail"] {
        let result = stage.run("end", &json!(how)).await;
        assert!(matches!(result.outcome, Outcome::Failed(_)), "{how}");
    }
    assert_eq!(stage.shelf.begun(), 0);
    let result = stage.run("end", &json!("needs_review")).await;
    assert_eq!(result.outcome.status(), "needs_review");
    let uri = data(&result)["file"].as_str().unwrap().to_owned();
    assert_eq!(stage.shelf.content(&uri).as_deref(), Some("x"));
    worker.shutdown().await;
    assert!(stage.task_folders().is_empty());
}

#[actix_rt::test]
async fn the_folder_stays_until_the_result_is_delivered() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    let down = TransportError::Unreachable {
        reason: "down".to_owned(),
    };
    stage.orchestrator.fail_next(Call::Deliver, &down, 10_000);
    let task = stage.orchestrator.submit("end", &"success");
    stage.orchestrator.called(Call::Deliver, 2).await;
    assert_eq!(stage.task_folders().len(), 1);
    stage.orchestrator.clear_faults();
    stage.orchestrator.result_of(&task).await;
    until("the folder is gone", || stage.task_folders().is_empty()).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn without_a_storage_everything_passes_as_it_is() {
    let stage = Stage::new();
    let worker = stage.bare_worker().spawn().unwrap();
    let params = json!({ "a": ["s3://in/a.txt"], "n": 1 });
    assert_eq!(data(&stage.run("echo", &params).await), params);
    let result = stage.run("end", &json!("success")).await;
    let path = data(&result)["file"].as_str().unwrap().to_owned();
    assert!(
        path.starts_with(stage.folder.path().to_str().unwrap()),
        "{path}"
    );
    worker.shutdown().await;
}

#[actix_rt::test]
async fn orchestrators_are_told_which_storage_it_is() {
    let stage = Stage::new();
    let worker = stage.worker().configure(|settings| {
        // From `s3_config_hash.json`.
        settings.storage.endpoint_url = Some("http://localhost:9000".to_owned());
        settings.storage.access_key = Some("access".to_owned().into());
        settings.storage.default_bucket = "bucket".to_owned();
    });
    let worker = worker.spawn().unwrap();
    until("it registers", || stage.orchestrator.card().is_some()).await;
    let card = stage.orchestrator.card().unwrap();
    assert_eq!(card.storage_hash.as_deref(), Some("1c3661bafbfb2cfe"));
    worker.shutdown().await;
}
