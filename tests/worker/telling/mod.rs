//! What a handler tells while it runs, and asks of its orchestrator.

mod events;
mod older;
mod progress;

use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    ErrorCode, RawJson, TaskContext, TaskError, TaskSpec, Worker, WorkerBuilder, blocking,
};
use serde_json::{Value, json};

use crate::support::{SECOND, data, failure, start};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Reports `values`, with a pause after each.
async fn report(params: Value, task: TaskContext) -> Result<(), TaskError> {
    let values = u32::try_from(params["values"].as_u64().unwrap_or(0))?;
    let pause = Duration::from_millis(params["pause_ms"].as_u64().unwrap_or(0));
    for n in 1..=values {
        task.progress(f64::from(n) / f64::from(values), format!("{n}"))
            .await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(
        params["then_ms"].as_u64().unwrap_or(0),
    ))
    .await;
    Ok(())
}

/// The same in a loop that never waits, on a thread of its own.
fn report_fast(values: u32, task: TaskContext) -> Result<(), TaskError> {
    for n in 1..=values {
        task.progress_now(f64::from(n) / f64::from(values), format!("{n}"));
    }
    Ok(())
}

async fn tell(params: Value, task: TaskContext) -> Result<Value, TaskError> {
    let mut went = Vec::new();
    for name in params["events"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or("");
        went.push(task.send_event(name, &params["payload"]).await?);
    }
    Ok(json!({ "went": went }))
}

fn tell_fast(events: usize, task: TaskContext) -> Result<Value, TaskError> {
    let mut refused = 0;
    for n in 0..events {
        if let Err(error) = task.send_event_now("n", &json!({ "n": n })) {
            assert_eq!(error.code(), &ErrorCode::ResourceExhausted);
            refused += 1;
        }
    }
    Ok(json!({ "refused": refused }))
}

async fn ask(params: Value, task: TaskContext) -> Result<RawJson, TaskError> {
    let skill = params["skill"].as_str().unwrap_or("");
    task.call_skill_within(5 * SECOND, skill, &params["params"])
        .await
}

fn worker(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let strict = TaskSpec::named("strict").event_schema("known", json!({"required": ["a"]}));
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("report", report)
        .task("report_fast", blocking(report_fast))
        .task("tell", tell)
        .task("tell_fast", blocking(tell_fast))
        .task("ask", ask)
        .task(strict, tell)
}

#[actix_rt::test]
async fn trace_headers_are_told_on_as_they_came_or_not_at_all() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let told = async |headers: &[(&str, &str)]| {
        let before = orchestrator.events().len();
        let params = RawJson::from_serialize(&json!({"events": ["e"], "payload": {}})).unwrap();
        let task = orchestrator.submit_with("tell", params, |task| {
            let headers = headers.iter();
            let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            task.tracing_context.extend(headers);
        });
        orchestrator.result_of(&task).await;
        let event = orchestrator.events().swap_remove(before);
        event.trace_context.into_iter().collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told(&[]).await, []);
    assert_eq!(
        told(&[
            ("TraceParent", TRACEPARENT),
            ("tracestate", "a=1, b=2"),
            ("tenant", "x")
        ])
        .await,
        [
            pair("tenant", "x"),
            pair("traceparent", TRACEPARENT),
            pair("tracestate", "a=1,b=2")
        ]
    );
    assert_eq!(
        told(&[
            ("traceparent", "00-1-2-01"),
            ("tracestate", "a=1"),
            ("tenant", "x")
        ])
        .await,
        [pair("tenant", "x")]
    );
    assert_eq!(
        told(&[("traceparent", TRACEPARENT), ("tracestate", "a=1,a=2")]).await,
        [pair("traceparent", TRACEPARENT)]
    );
    // Progress tells the same.
    let params = RawJson::from_serialize(&json!({"values": 1})).unwrap();
    let task = orchestrator.submit_with("report", params, |task| {
        let (name, value) = pair("traceparent", TRACEPARENT);
        task.tracing_context.insert(name, value);
    });
    orchestrator.result_of(&task).await;
    let last = orchestrator.progress().pop().expect("progress");
    assert_eq!(last.trace_context["traceparent"], TRACEPARENT);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn skills_of_others_can_be_called() {
    let orchestrator = MemoryOrchestrator::new();
    orchestrator.answer_skill("double", |params| {
        let n: u64 = params.parse().map_err(|_| TransportError::NotRegistered)?;
        Ok(RawJson::from_serialize(&json!({ "n": 2 * n })).expect("JSON"))
    });
    let worker = start(worker(&orchestrator)).await;
    let run = async |params: Value| {
        let task = orchestrator.submit("ask", &params);
        orchestrator.result_of(&task).await
    };
    let result = run(json!({"skill": "double", "params": 21})).await;
    assert_eq!(data(&result), json!({"n": 42}));
    assert_eq!(orchestrator.skill_calls()[0].task_id, result.task_id);
    let unknown = run(json!({"skill": "halve", "params": 1})).await;
    assert_eq!(failure(&unknown).code(), &ErrorCode::Dependency);
    assert!(failure(&unknown).message().contains("halve"));
    worker.shutdown().await;
}
