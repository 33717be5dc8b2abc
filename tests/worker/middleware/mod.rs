//! Middleware round the handlers of a whole worker.

mod actors;
mod ready;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axon_worker::middleware::{Injected, Next, TaskCall};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{ErrorCode, Outcome, RawJson, Reply, TaskError};
use serde_json::{Value, json};

use crate::support::{Gate, data, failure, start, worker};

async fn never(_: TaskCall, _: Next) -> Outcome {
    std::future::pending().await
}

/// Adds a letter to the parameters on the way in and to the data on the way out.
fn letter(letter: &'static str) -> impl Fn(TaskCall, Next) -> BoxedOutcome + Send + Sync {
    move |mut call, next| {
        Box::pin(async move {
            let before: String = call.params().parse().expect("a text");
            call.set_params(RawJson::from_serialize(&format!("{before}{letter}")).expect("JSON"));
            match next.run(call).await {
                Outcome::Completed(reply) => {
                    let data: Value = reply.data().parse().expect("JSON");
                    let text = data["result"].as_str().expect("a text");
                    Outcome::Completed(Reply::success(&format!("{text}{letter}")).expect("JSON"))
                }
                other => other,
            }
        })
    }
}

type BoxedOutcome = futures_util::future::LocalBoxFuture<'static, Outcome>;

#[actix_rt::test]
async fn the_first_registered_is_the_outermost() {
    let orchestrator = MemoryOrchestrator::new();
    let builder = worker(&orchestrator, &Gate::closed())
        .middleware(letter("a"))
        .middleware_for(["warm"], letter("x"))
        .middleware_for(["echo", "cool"], letter("b"));
    start(builder).await;
    let id = orchestrator.submit("echo", &">");
    let result = orchestrator.result_of(&id).await;
    assert_eq!(data(&result), json!({"result": ">abba"}));
}

#[actix_rt::test]
async fn a_middleware_can_answer_in_the_handlers_place() {
    let orchestrator = MemoryOrchestrator::new();
    let gate = Gate::closed();
    let refuse = |call: TaskCall, next: Next| async move {
        if call.params().as_str() == "null" {
            return Outcome::Failed(TaskError::invalid_input("nothing to do"));
        }
        next.run(call).await
    };
    start(worker(&orchestrator, &gate).middleware(refuse)).await;
    // The gate stays closed: a handler that is called does not return.
    let id = orchestrator.submit("gated", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::InvalidInput);
    assert_eq!(gate.most(), 0, "not called");
}

struct Tenant(String);

async fn of_tenant(_: Value, tenant: Injected<Tenant>) -> Result<String, TaskError> {
    Ok(tenant.0.clone())
}

#[actix_rt::test]
async fn injected_values_reach_the_handler_of_that_task_only() {
    let orchestrator = MemoryOrchestrator::new();
    let inject = |call: TaskCall, next: Next| async move {
        if let Ok(name) = call.params().parse::<String>() {
            call.insert(Tenant(name));
        }
        next.run(call).await
    };
    let builder = worker(&orchestrator, &Gate::closed())
        .task("of_tenant", of_tenant)
        .middleware(inject);
    start(builder).await;
    for name in ["left", "right"] {
        let id = orchestrator.submit("of_tenant", &name);
        assert_eq!(
            data(&orchestrator.result_of(&id).await),
            json!({ "result": name })
        );
    }
    let id = orchestrator.submit("of_tenant", &1);
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    let text = failure(&result).message();
    assert!(
        text.contains("Injected<") && text.contains("Tenant>"),
        "{text}"
    );
}

#[actix_rt::test]
async fn a_panic_in_a_middleware_fails_its_own_task_only() {
    let orchestrator = MemoryOrchestrator::new();
    let gate = Gate::closed();
    let breaks = |call: TaskCall, next: Next| async move {
        assert!(call.params().as_str() != "\"break\"", "broken");
        next.run(call).await
    };
    start(worker(&orchestrator, &gate).middleware(breaks)).await;
    let running = orchestrator.submit("gated", &"other");
    gate.runs(1).await;
    let id = orchestrator.submit("echo", &"break");
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Transient);
    assert!(failure(&result).message().contains("broken"));
    gate.open(1);
    assert_eq!(data(&orchestrator.result_of(&running).await), json!({}));
}

#[actix_rt::test]
async fn a_middleware_that_hangs_can_be_called_off() {
    let orchestrator = MemoryOrchestrator::new();
    let builder = worker(&orchestrator, &Gate::closed()).middleware_for(["gated"], never);
    let handle = start(builder).await;
    let stuck = orchestrator.submit("gated", &());
    let free = orchestrator.submit("echo", &json!({"still": "here"}));
    assert_eq!(
        data(&orchestrator.result_of(&free).await),
        json!({"still": "here"})
    );
    handle.cancel(stuck.as_str());
    let result = orchestrator.result_of(&stuck).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
}

#[actix_rt::test]
async fn a_middleware_may_call_the_handler_again() {
    let orchestrator = MemoryOrchestrator::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let twice = |call: TaskCall, next: Next| async move {
        drop(next.clone().run(call.clone()).await);
        next.run(call).await
    };
    let counts = move |call: TaskCall, next: Next| {
        count.fetch_add(1, Ordering::SeqCst);
        next.run(call)
    };
    let builder = worker(&orchestrator, &Gate::closed())
        .middleware(twice)
        .middleware(counts);
    start(builder).await;
    let id = orchestrator.submit("echo", &json!({"a": 1}));
    assert_eq!(data(&orchestrator.result_of(&id).await), json!({"a": 1}));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn middleware_for_a_task_that_is_not_there_is_a_mistake() {
    let orchestrator = MemoryOrchestrator::new();
    let built = worker(&orchestrator, &Gate::closed())
        .middleware_for(["ecko"], never)
        .build();
    let text = built.expect_err("refused").to_string();
    assert!(text.contains("\"ecko\""), "{text}");
}
