//! The middleware that is ready to use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

use axon_worker::middleware::{CallMetrics, Limit, Retry, Timeout, Traced};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Data, ErrorCode, Outcome, TaskError, TaskName, blocking};
use serde_json::{Value, json};

use crate::support::{Gate, SECOND, data, failure, start, worker};
use crate::until::until;

#[actix_rt::test]
async fn a_timeout_ends_the_call() {
    let orchestrator = MemoryOrchestrator::new();
    let gate = Gate::closed();
    start(worker(&orchestrator, &gate).middleware(Timeout(3 * SECOND))).await;
    let id = orchestrator.submit("gated", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Timeout);
    assert_eq!(gate.running(), 0, "the handler was dropped");
}

#[actix_rt::test]
async fn a_limit_lets_few_calls_through_and_is_free_after_every_end() {
    let orchestrator = MemoryOrchestrator::new();
    let gate = Gate::closed();
    let limit = Limit::at_once(1);
    let handle = start(
        worker(&orchestrator, &gate)
            .middleware_for(["gated", "polite", "panics"], limit.clone())
            .task("panics", panics),
    )
    .await;
    let first = orchestrator.submit("gated", &());
    gate.runs(1).await;
    let second = orchestrator.submit("gated", &());
    let third = orchestrator.submit("panics", &());
    let called_off = orchestrator.submit("polite", &());
    let aside = orchestrator.submit("echo", &json!({"not": "limited"}));
    orchestrator.result_of(&aside).await;
    assert_eq!((gate.most(), limit.free()), (1, 0));
    // One that waits can be called off, and does not begin.
    handle.cancel(called_off.as_str());
    let result = orchestrator.result_of(&called_off).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    gate.open(2);
    for id in [first, second] {
        data(&orchestrator.result_of(&id).await);
    }
    failure(&orchestrator.result_of(&third).await);
    assert_eq!((gate.most(), limit.free()), (1, 1));
    // One that runs gives its place back when it is called off.
    let last = orchestrator.submit("gated", &());
    gate.runs(1).await;
    assert_eq!(limit.free(), 0);
    handle.cancel(last.as_str());
    let result = orchestrator.result_of(&last).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(limit.free(), 1);
}

async fn panics(_: Value) -> Result<(), TaskError> {
    panic!("out of cheese")
}

struct Door {
    opens: std::sync::Mutex<mpsc::Receiver<()>>,
    somebody_waits: AtomicBool,
}

/// Waits at the door whatever happens, as code without a look at its cancellation does.
fn stubborn(_: Value, door: Data<Door>) -> Result<(), TaskError> {
    let opens = door.opens.lock();
    let opens = opens.map_err(|_| TaskError::permanent("broken"))?;
    door.somebody_waits.store(true, Ordering::SeqCst);
    opens.recv().map_err(|_| TaskError::permanent("no door"))
}

#[actix_rt::test]
async fn a_blocking_handler_keeps_its_place_until_it_returns() {
    let orchestrator = MemoryOrchestrator::new();
    let (open, opens) = mpsc::channel();
    let door = Arc::new(Door {
        opens: opens.into(),
        somebody_waits: AtomicBool::new(false),
    });
    let limit = Limit::at_once(1);
    let handle = start(
        worker(&orchestrator, &Gate::closed())
            .shared_data(door.clone())
            .task("stubborn", blocking(stubborn))
            .middleware(limit.clone()),
    )
    .await;
    let id = orchestrator.submit("stubborn", &());
    let waits = || door.somebody_waits.load(Ordering::SeqCst);
    until("the handler waits", waits).await;
    handle.cancel(id.as_str());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(limit.free(), 0, "its thread still works");
    open.send(()).expect("a handler that waits");
    until("its thread has ended", || limit.free() > 0).await;
}

struct Failures(AtomicU32);

/// Fails as often as it is told, then succeeds with the number of calls.
async fn flaky(code: String, left: Data<Arc<Failures>>) -> Result<u32, TaskError> {
    let calls = left.0.fetch_add(1, Ordering::SeqCst) + 1;
    if calls < 3 {
        return Err(TaskError::new(code.as_str(), "not yet"));
    }
    Ok(calls)
}

/// How often the handler is called, and whether the task succeeds.
async fn tried(code: &str, attempts: u32) -> (u32, bool) {
    let orchestrator = MemoryOrchestrator::new();
    let failures = Arc::new(Failures(AtomicU32::new(0)));
    let builder = worker(&orchestrator, &Gate::closed())
        .data(failures.clone())
        .task("flaky", flaky)
        .middleware(Retry::attempts(attempts, SECOND));
    start(builder).await;
    let id = orchestrator.submit("flaky", &code);
    let result = orchestrator.result_of(&id).await;
    let succeeded = matches!(result.outcome, Outcome::Completed(_));
    (failures.0.load(Ordering::SeqCst), succeeded)
}

#[actix_rt::test]
async fn a_retry_calls_again_until_it_works() {
    assert_eq!(tried("TRANSIENT_ERROR", 3).await, (3, true));
}

#[actix_rt::test]
async fn a_retry_ends_after_its_attempts() {
    assert_eq!(tried("TRANSIENT_ERROR", 2).await, (2, false));
}

#[actix_rt::test]
async fn a_retry_is_for_failures_that_may_pass() {
    assert_eq!(tried("PERMANENT_ERROR", 3).await, (1, false));
}

#[actix_rt::test]
async fn calls_are_counted_by_name_and_end() {
    let orchestrator = MemoryOrchestrator::new();
    let metrics = CallMetrics::default();
    let builder = worker(&orchestrator, &Gate::closed())
        .task("panics", panics)
        .middleware(Traced)
        .middleware(metrics.clone());
    let handle = start(builder).await;
    for name in ["echo", "echo", "fail", "panics"] {
        let id = orchestrator.submit(name, &json!({}));
        orchestrator.result_of(&id).await;
    }
    let stuck = orchestrator.submit("gated", &());
    until("all have begun", || metrics.tallies().len() == 4).await;
    handle.cancel(stuck.as_str());
    orchestrator.result_of(&stuck).await;
    let tallies = metrics.tallies();
    let of = |name: &str| {
        let tally = &tallies[&TaskName::from(name)];
        [tally.begun, tally.succeeded, tally.failed, tally.cancelled]
    };
    assert_eq!(of("echo"), [2, 2, 0, 0]);
    assert_eq!(of("fail"), [1, 0, 1, 0]);
    assert_eq!(of("panics"), [1, 0, 1, 0]);
    assert_eq!(of("gated"), [1, 0, 0, 1]);
}
