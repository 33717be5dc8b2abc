//! What these tests share: a worker whose handlers obey the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::Habits;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    Data, Outcome, RawJson, TaskContext, TaskError, TaskResult, TaskSpec, Worker, WorkerBuilder,
    WorkerHandle,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::until::until;

pub const SECOND: Duration = Duration::from_secs(1);

/// Counts what runs, and lets tasks named `gated` go when it is opened.
#[derive(Debug)]
pub struct Gate {
    permits: Semaphore,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Gate {
    pub fn closed() -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// Lets `tasks` tasks end.
    pub fn open(&self, tasks: usize) {
        self.permits.add_permits(tasks);
    }

    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The most tasks that ran at once so far.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Waits until so many tasks run.
    pub async fn runs(&self, tasks: usize) {
        until("the tasks run", || self.running() >= tasks).await;
    }
}

struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs until the gate is opened for it.
pub async fn gated(_: Value, gate: Data<Arc<Gate>>) -> Result<(), TaskError> {
    let now = gate.running.fetch_add(1, Ordering::SeqCst) + 1;
    gate.most.fetch_max(now, Ordering::SeqCst);
    let _inside = Inside(&gate);
    gate.permits.acquire().await?.forget();
    Ok(())
}

/// As [`gated`], but ends by itself when called off.
pub async fn polite(
    params: Value,
    gate: Data<Arc<Gate>>,
    task: TaskContext,
) -> Result<&'static str, TaskError> {
    tokio::select! {
        ended = gated(params, gate) => ended.map(|()| "done"),
        () = task.cancellation().cancelled() => Ok("stopped in time"),
    }
}

pub async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

pub async fn fail(params: Value) -> Result<(), TaskError> {
    let code = params["code"].as_str().unwrap_or("TRANSIENT_ERROR");
    Err(TaskError::new(code, "as asked"))
}

pub async fn warm(model: String, task: TaskContext) -> Result<Value, TaskError> {
    Ok(json!({ "hot_cache": task.hot_cache().add(model).await }))
}

pub async fn cool(model: String, task: TaskContext) -> Result<Value, TaskError> {
    Ok(json!({ "hot_cache": task.hot_cache().remove(model).await }))
}

/// A worker with all of these, not started.
pub fn worker(orchestrator: &MemoryOrchestrator, gate: &Arc<Gate>) -> WorkerBuilder {
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .data(gate.clone())
        .task("echo", echo)
        .task("fail", fail)
        .task("gated", gated)
        .task("polite", polite)
        .task("warm", warm)
        .task("cool", cool)
        .task("paint", echo)
        .task(TaskSpec::named("video_a").of_type("video"), gated)
        .task(TaskSpec::named("video_b").of_type("video"), gated)
        .task_type_limit("video", 1)
        .skill_dependency("paint", ["sd-1.5", "vae"])
}

/// Starts the worker on this thread with the clock paused.
pub async fn start(builder: WorkerBuilder) -> WorkerHandle {
    tokio::time::pause();
    builder
        .build()
        .expect("a worker")
        .spawn_local()
        .await
        .expect("a started worker")
}

/// An orchestrator that counts what it is sent.
pub fn counting() -> MemoryOrchestrator {
    let orchestrator = MemoryOrchestrator::new();
    let mut habits = Habits::default();
    habits.counts_requests = true;
    orchestrator.set_habits(habits);
    orchestrator
}

/// Waits until a heartbeat tells of so many tasks.
pub async fn reported(orchestrator: &MemoryOrchestrator, tasks: usize) {
    orchestrator
        .report_where(|report| report.running.len() == tasks)
        .await;
}

/// The failure of a result.
pub fn failure(result: &TaskResult) -> &TaskError {
    match &result.outcome {
        Outcome::Failed(error) => error,
        other => panic!("{} did not fail: {other:?}", result.name),
    }
}

/// The data of a success.
pub fn data(result: &TaskResult) -> Value {
    match &result.outcome {
        Outcome::Completed(reply) => reply.data().parse().expect("JSON"),
        other => panic!("{} did not succeed: {other:?}", result.name),
    }
}
