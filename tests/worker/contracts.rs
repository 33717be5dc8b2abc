//! Contracts as the orchestrator sees them: told when the worker registers, and held
//! against what goes in and comes out.

use axon_worker::config::Settings;
use axon_worker::transport::Contract;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    Data, ErrorCode, Outcome, RawJson, Reply, TaskContext, TaskError, TaskHandler, TaskSpec, Valid,
    Worker, WorkerBuilder, actor, blocking, contract,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{data, failure, start};

#[derive(Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
struct Resize {
    width: u32,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Resized {
    bytes: u64,
}

#[derive(Serialize, JsonSchema)]
struct Step {
    row: u32,
}

/// Counts how often it was called.
async fn resize(params: Resize, calls: Data<Arc<AtomicUsize>>) -> Result<Resized, TaskError> {
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(Resized {
        bytes: u64::from(params.width) + params.note.map_or(0, |note| note.len() as u64),
    })
}

fn resize_slowly(Valid(params): Valid<Resize>, _: TaskContext) -> Result<u32, TaskError> {
    Ok(params.width)
}

struct Resizer;

impl TaskHandler for Resizer {
    type Params = Resize;
    type Output = Option<Resized>;

    async fn handle(
        &mut self,
        params: Resize,
        _: TaskContext,
    ) -> Result<Option<Resized>, TaskError> {
        Ok((params.width > 0).then_some(Resized { bytes: 1 }))
    }
}

async fn as_asked(params: Value) -> Result<Reply, TaskError> {
    let status = params["status"].as_str().unwrap_or("success");
    Reply::status_with(status, &params["data"])
}

fn worker(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let strict = TaskSpec::named("strict")
        .version("2.1")
        .output_schema(json!({"type": "object", "required": ["x"], "properties": {
            "x": {"type": "integer"},
        }}))
        .output_status("unsure")
        .property("quality", "high")
        .event::<Step>("step");
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .data(Arc::new(AtomicUsize::new(0)))
        .task("resize", contract(resize))
        .task("slow", contract(blocking(resize_slowly)))
        .task("actor", contract(actor(|| Ok(Resizer))))
        .task(strict, contract(as_asked))
        .task("free", resize)
}

#[actix_rt::test]
async fn contracts_are_told_at_registration() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    orchestrator.report_where(|_| true).await;
    let card = orchestrator.card().unwrap();
    let contract = |name: &str| {
        let entry = card.tasks.iter().find(|entry| entry.name.as_str() == name);
        entry.unwrap().contract.clone()
    };
    for name in ["resize", "slow", "actor"] {
        let contract = contract(name);
        let input = contract.input.as_ref().unwrap();
        assert_eq!(input["properties"]["width"]["type"], "integer", "{name}");
        assert_eq!(input["required"], json!(["width"]), "{name}");
        assert!(contract.output.is_some(), "{name}");
    }
    let wrapped = contract("slow");
    let wrapped = wrapped.output.as_ref().unwrap();
    assert_eq!(wrapped["properties"]["result"]["type"], "integer");
    let strict = contract("strict");
    assert_eq!(strict.input, None, "any value will do");
    assert_eq!(strict.version.as_deref(), Some("2.1"));
    assert_eq!(strict.output_statuses, ["unsure"]);
    assert_eq!(strict.properties["quality"], "high");
    assert_eq!(strict.events["step"]["required"], json!(["row"]));
    assert_eq!(*contract("free"), Contract::default());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn wrong_parameters_never_reach_the_handler() {
    let orchestrator = MemoryOrchestrator::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let worker = start(worker(&orchestrator).data(calls.clone())).await;
    for name in ["resize", "slow", "actor"] {
        let task = orchestrator.submit(name, &json!({"width": "wide"}));
        let result = orchestrator.result_of(&task).await;
        let error = failure(&result);
        assert_eq!(error.code(), &ErrorCode::InvalidInput, "{name}");
        assert_eq!(error.message(), "Field 'width': Expected integer", "{name}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    for (name, expected) in [
        ("resize", json!({"bytes": 6})),
        ("slow", json!({"result": 4})),
        ("actor", json!({"bytes": 1})),
    ] {
        let task = orchestrator.submit(name, &json!({"width": 4, "note": "ab", "more": 1}));
        let result = orchestrator.result_of(&task).await;
        assert_eq!(data(&result), expected, "{name}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let none = orchestrator.submit("actor", &json!({"width": 0}));
    assert_eq!(data(&orchestrator.result_of(&none).await), json!({}));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_success_that_breaks_the_contract_is_a_violation() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let run = async |params: Value| {
        let task = orchestrator.submit("strict", &params);
        orchestrator.result_of(&task).await
    };
    assert_eq!(data(&run(json!({"data": {"x": 1}})).await), json!({"x": 1}));
    let broken = run(json!({"data": {"x": "1"}})).await;
    assert_eq!(failure(&broken).code(), &ErrorCode::ContractViolation);
    assert_eq!(
        failure(&broken).message(),
        "the result breaks the contract: Field 'x': Expected integer"
    );
    // Statuses of its own have data of their own form, declared or not.
    for status in ["unsure", "surprise"] {
        let result = run(json!({"status": status, "data": {}})).await;
        let Outcome::Completed(reply) = result.outcome else {
            panic!("{status} is no failure")
        };
        assert_eq!(reply.status(), status);
    }
    worker.shutdown().await;
}

#[test]
fn a_schema_that_is_none_names_its_task() {
    async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
        Ok(params)
    }
    let spec = TaskSpec::named("odd")
        .input_schema(json!({"properties": 5}))
        .event_schema("e", json!([]));
    let built = Worker::builder("test")
        .settings(Settings::default())
        .task(spec, echo)
        .build();
    let text = built.unwrap_err().to_string();
    assert!(text.contains("task \"odd\": input schema: "), "{text}");
    assert!(
        text.contains("task \"odd\": schema of event \"e\": "),
        "{text}"
    );
}
