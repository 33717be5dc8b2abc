//! Handlers on the control thread, and those that should not have been there. Real
//! threads, real time.

use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::middleware::{Next, TaskCall};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    ErrorCode, Outcome, RawJson, TaskContext, TaskError, Worker, WorkerHandle, inline,
};
use serde_json::{Value, json};

use crate::support::{data, failure};
use crate::until::until;

const CONTROL: &str = "axon-control";

fn this_thread() -> String {
    let thread = std::thread::current();
    thread.name().unwrap_or_default().to_owned()
}

async fn names_its_thread(_: RawJson) -> Result<Value, TaskError> {
    Ok(json!({ "thread": this_thread() }))
}

/// Breaks its promise.
async fn blocks(_: RawJson) -> Result<Value, TaskError> {
    let thread = this_thread();
    std::thread::sleep(Duration::from_millis(110));
    Ok(json!({ "thread": thread }))
}

async fn panics(_: RawJson) -> Result<(), TaskError> {
    panic!("out of cheese")
}

async fn waits(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
    task.cancellation().cancelled().await;
    std::future::pending().await
}

async fn adds_its_thread(call: TaskCall, next: Next) -> Outcome {
    call.insert(this_thread());
    next.run(call).await
}

async fn names_the_middlewares(_: RawJson, task: TaskContext) -> Result<Value, TaskError> {
    let thread = task.injected::<String>();
    Ok(json!({ "thread": thread.as_deref() }))
}

fn worker(orchestrator: &MemoryOrchestrator) -> WorkerHandle {
    Worker::builder("test")
        .settings(Settings::default())
        .configure(|settings| settings.timing.cancel_grace = Duration::from_millis(50))
        .transport("memory", orchestrator.connect())
        .task("usual", names_its_thread)
        .task("inline", inline(names_its_thread))
        .task("blocks", inline(blocks))
        .task("panics", inline(panics))
        .task("waits", inline(waits))
        .task("wrapped", inline(names_the_middlewares))
        .middleware_for(["wrapped"], adds_its_thread)
        .spawn()
        .unwrap()
}

async fn thread_of(orchestrator: &MemoryOrchestrator, task: &str, params: &Value) -> Value {
    let task = orchestrator.submit(task, params);
    data(&orchestrator.result_of(&task).await)["thread"].clone()
}

#[actix_rt::test]
async fn an_inline_handler_runs_on_the_control_thread_and_no_other_does() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator);
    let none = json!({});
    for _ in 0..3 {
        assert_eq!(thread_of(&orchestrator, "inline", &none).await, CONTROL);
        assert_eq!(thread_of(&orchestrator, "wrapped", &none).await, CONTROL);
        assert_ne!(thread_of(&orchestrator, "usual", &none).await, CONTROL);
    }
    assert!(worker.shutdown().await.is_clean());
}

#[actix_rt::test]
async fn one_that_holds_up_the_control_thread_is_moved_and_the_others_stay() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator);
    let none = json!({});
    assert_eq!(thread_of(&orchestrator, "blocks", &none).await, CONTROL);
    for _ in 0..2 {
        assert_ne!(thread_of(&orchestrator, "blocks", &none).await, CONTROL);
    }
    assert_eq!(thread_of(&orchestrator, "inline", &none).await, CONTROL);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn large_parameters_and_those_that_name_files_are_read_elsewhere() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator);
    for params in [
        json!({ "text": "x".repeat(70_000) }),
        json!({ "file": "s3://bucket/key" }),
    ] {
        assert_ne!(thread_of(&orchestrator, "inline", &params).await, CONTROL);
    }
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_panic_is_its_tasks_failure_and_nothing_else() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator);
    let none = json!({});
    let task = orchestrator.submit("panics", &none);
    let result = orchestrator.result_of(&task).await;
    let error = failure(&result);
    assert_eq!(error.code(), &ErrorCode::Transient);
    assert!(error.message().contains("out of cheese"), "{error}");
    assert_eq!(thread_of(&orchestrator, "inline", &none).await, CONTROL);
    assert!(worker.shutdown().await.is_clean());
}

#[actix_rt::test]
async fn it_is_called_off_like_any_other() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator);
    let task = orchestrator.submit("waits", &json!({}));
    let runs = || worker.status().tasks.iter().any(|task| task.running);
    until("it runs", runs).await;
    worker.cancel(task.as_str());
    let result = orchestrator.result_of(&task).await;
    assert!(matches!(result.outcome, Outcome::Cancelled));
    assert!(worker.shutdown().await.is_clean());
}
