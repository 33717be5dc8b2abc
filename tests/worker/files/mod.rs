//! Files on their way through the worker: down before the handler, up after it.
//! Real threads, real time.

mod interrupted;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    Data, ErrorCode, Outcome, RawJson, Reply, RunTask, TaskContext, TaskError, TaskFile, TaskFiles,
    TaskHandler, TaskResult, TaskSpec, Worker, WorkerBuilder, actor, blocking,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shelf::{Mood, Shelf};
use crate::until::until;

/// Calls of handlers.
type Calls = Arc<AtomicUsize>;

const BUCKET: &str = "avtomatika-payloads";

#[derive(Deserialize)]
struct Input {
    input: TaskFile,
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

/// An actor elsewhere in the program.
struct UpperElsewhere;

impl actix::Actor for UpperElsewhere {
    type Context = actix::Context<Self>;
}

impl actix::Handler<RunTask<Input, Value>> for UpperElsewhere {
    type Result = actix::ResponseFuture<Result<Value, TaskError>>;

    fn handle(&mut self, order: RunTask<Input, Value>, _: &mut Self::Context) -> Self::Result {
        let (params, task) = order.into_parts();
        Box::pin(async move { Upper.handle(params, task).await })
    }
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

/// All shapes of handlers.
const SHAPES: [&str; 4] = ["upper", "upper_blocking", "upper_actor", "upper_elsewhere"];

#[actix_rt::test]
async fn files_that_the_worker_did_not_bring_are_refused_with_their_field() {
    let stage = Stage::new();
    let elsewhere = actix::Actor::start(UpperElsewhere);
    let worker = stage.worker().task("upper_elsewhere", elsewhere);
    let worker = worker.spawn().unwrap();
    let outside = stage.folder.path().join("outside.txt");
    std::fs::write(&outside, "secret").unwrap();
    stage.shelf.put("s3://in/a.txt", "hello");
    stage.shelf.put("s3://in/folder/b.txt", "hello");
    for name in SHAPES {
        for input in [
            outside.to_str().unwrap(),
            "/proc/self/environ",
            "outside.txt",
            "../../../outside.txt",
            "",
            "S3://in/a.txt",
            // It is brought, and no file.
            "s3://in/folder/",
        ] {
            // The folder of the task is there.
            let params = json!({ "input": input, "other": "s3://in/a.txt" });
            let result = stage.run(name, &params).await;
            let error = error(&result);
            assert_eq!(error.code(), &ErrorCode::InvalidInput, "{name} {input}");
            let text = error.message();
            assert!(
                text.starts_with("field `input`: "),
                "{name} {input}: {text}"
            );
            assert!(text.contains("a file that the worker brought"), "{text}");
        }
    }
    assert_eq!(stage.calls.load(Ordering::SeqCst), 0);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn every_shape_of_handler_sees_local_files_and_returns_them() {
    let stage = Stage::new();
    let elsewhere = actix::Actor::start(UpperElsewhere);
    let worker = stage.worker().task("upper_elsewhere", elsewhere);
    let worker = worker.spawn().unwrap();
    for name in SHAPES {
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
