//! What handlers get, and what becomes of what they return.

use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    Data, ErrorCode, Reply, TaskContext, TaskError, TaskHandler, Worker, actor, blocking,
    config::Settings,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{data, echo, failure, start};

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

async fn add(Add { a, b }: Add) -> Result<Value, TaskError> {
    Ok(json!({ "sum": a + b }))
}

async fn panics(_: Value) -> Result<(), TaskError> {
    panic!("out of cheese")
}

fn panics_on_a_thread(_: Value) -> Result<(), TaskError> {
    panic!("out of {}", "cheese")
}

async fn ordinary_error(_: Value) -> Result<u8, TaskError> {
    Ok("not a number".parse::<u8>()?)
}

async fn own_status(_: Value) -> Result<Reply, TaskError> {
    Reply::status_with("needs_review", &json!({"score": 1}))
}

async fn wants_what_is_not_there(_: Value, _: Data<String>) -> Result<(), TaskError> {
    Ok(())
}

fn wants_it_on_a_thread(_: Value, _: Data<String>) -> Result<(), TaskError> {
    Ok(())
}

async fn about(_: Value, task: TaskContext) -> Result<Value, TaskError> {
    Ok(json!({
        "task_id": task.task_id(), "job_id": task.job_id(), "name": task.name(),
        "priority": task.priority(), "trace": task.tracing_context(),
    }))
}

fn on_a_thread(n: u64) -> Result<u64, TaskError> {
    Ok(n * 2)
}

/// Keeps a count; breaks when told to.
struct Counter(u64);

impl TaskHandler for Counter {
    type Params = Value;
    type Output = u64;

    async fn handle(&mut self, params: Value, _: TaskContext) -> Result<u64, TaskError> {
        self.0 += 1;
        assert!(params != "break", "broken");
        Ok(self.0)
    }
}

async fn all_kinds(orchestrator: &MemoryOrchestrator) -> axon_worker::WorkerHandle {
    let builder = Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .task("add", add)
        .task("panics", panics)
        .task("panics_on_a_thread", blocking(panics_on_a_thread))
        .task("ordinary_error", ordinary_error)
        .task("own_status", own_status)
        .task("about", about)
        .task("on_a_thread", blocking(on_a_thread))
        .task("count", actor(|| Ok(Counter(0))))
        .task(
            "never_made",
            actor(|| Err::<Counter, _>(TaskError::permanent("no such model"))),
        );
    start(builder).await
}

#[actix_rt::test]
async fn typed_parameters_arrive_and_mistakes_name_the_field() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let good = orchestrator.submit("add", &json!({"a": 2, "b": 3}));
    assert_eq!(
        data(&orchestrator.result_of(&good).await),
        json!({"sum": 5})
    );
    for (params, message) in [
        (json!({"a": 2}), "missing field `b`"),
        (
            json!({"a": "2", "b": 3}),
            "field `a`: invalid type: string \"2\", expected i64",
        ),
        (
            json!([1]),
            "invalid length 1, expected struct Add with 2 elements",
        ),
    ] {
        let id = orchestrator.submit("add", &params);
        let result = orchestrator.result_of(&id).await;
        assert_eq!(failure(&result).code(), &ErrorCode::InvalidInput);
        assert_eq!(failure(&result).message(), message);
    }
}

#[actix_rt::test]
async fn a_panic_is_a_transient_failure_and_the_worker_lives_on() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    for name in ["panics", "panics_on_a_thread"] {
        let id = orchestrator.submit(name, &());
        let result = orchestrator.result_of(&id).await;
        assert_eq!(failure(&result).code(), &ErrorCode::Transient);
        assert_eq!(
            failure(&result).message(),
            "the handler panicked: out of cheese"
        );
    }
    let id = orchestrator.submit("echo", &json!({"still": "here"}));
    assert_eq!(
        data(&orchestrator.result_of(&id).await),
        json!({"still": "here"})
    );
}

#[actix_rt::test]
async fn an_ordinary_error_is_transient() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let id = orchestrator.submit("ordinary_error", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Transient);
    assert_eq!(failure(&result).message(), "invalid digit found in string");
}

#[actix_rt::test]
async fn a_status_of_the_handlers_own_goes_out_with_its_data() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let id = orchestrator.submit("own_status", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome.status(), "needs_review");
    assert_eq!(data(&result), json!({"score": 1}));
}

#[actix_rt::test]
async fn a_task_nobody_handles_is_answered() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let id = orchestrator.submit("unheard_of", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    assert_eq!(failure(&result).message(), "Unsupported task: unheard_of");
}

#[test]
fn data_that_was_forgotten_is_missed_when_the_worker_is_built() {
    let built = Worker::builder("test")
        .settings(Settings::default())
        .task("report", wants_what_is_not_there)
        .task("on_a_thread", blocking(wants_it_on_a_thread))
        .build();
    let text = built.expect_err("refused").to_string();
    for task in ["\"report\"", "\"on_a_thread\""] {
        assert!(text.contains(task), "{text}");
    }
    assert!(text.contains("Data<alloc::string::String>"), "{text}");
}

#[actix_rt::test]
async fn the_context_tells_the_task() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let raw = axon_worker::RawJson::empty_object();
    let id = orchestrator.submit_with("about", raw, |task| {
        task.priority = 2.5;
        task.tracing_context
            .insert("traceparent".into(), "00-1-2-01".into());
    });
    let told = data(&orchestrator.result_of(&id).await);
    assert_eq!(
        told,
        json!({
            "task_id": "task-1", "job_id": "job-1", "name": "about", "priority": 2.5,
            "trace": {"traceparent": "00-1-2-01"},
        })
    );
}

#[actix_rt::test]
async fn blocking_functions_run_beside_the_others() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let id = orchestrator.submit("on_a_thread", &21);
    assert_eq!(
        data(&orchestrator.result_of(&id).await),
        json!({"result": 42})
    );
}

#[actix_rt::test]
async fn a_handler_with_state_keeps_it_until_it_panics() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    for expected in [1, 2] {
        let id = orchestrator.submit("count", &());
        assert_eq!(
            data(&orchestrator.result_of(&id).await),
            json!({"result": expected})
        );
    }
    let id = orchestrator.submit("count", &"break");
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).message(), "the handler panicked: broken");
    let id = orchestrator.submit("count", &());
    assert_eq!(
        data(&orchestrator.result_of(&id).await),
        json!({"result": 1}),
        "made anew"
    );
}

#[actix_rt::test]
async fn a_state_that_cannot_be_made_fails_the_task_with_its_own_code() {
    let orchestrator = MemoryOrchestrator::new();
    all_kinds(&orchestrator).await;
    let id = orchestrator.submit("never_made", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    assert_eq!(failure(&result).message(), "no such model");
}
