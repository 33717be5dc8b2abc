//! Calling tasks off, and time limits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    Cancellation, Data, ErrorCode, Outcome, RawJson, TaskContext, TaskError, TaskSpec,
};
use serde_json::Value;

use crate::support::{Gate, SECOND, failure, gated, reported, start, worker};

#[actix_rt::test]
async fn a_handler_sees_the_cancel_at_once_and_the_result_is_cancelled() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    let began = tokio::time::Instant::now();
    handle.cancel(id.as_str());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(
        result.outcome,
        Outcome::Cancelled,
        "whatever the handler returned"
    );
    assert!(
        began.elapsed() < Duration::from_millis(10),
        "{:?}",
        began.elapsed()
    );
}

#[actix_rt::test]
async fn an_async_handler_that_never_asked_for_the_cancel_is_dropped_at_once() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate).task("indifferent", indifferent);
    let handle = start(builder).await;
    for (name, job) in [("gated", "job-1"), ("indifferent", "job-2")] {
        let id = orchestrator.submit(name, &());
        gate.runs(1).await;
        let began = tokio::time::Instant::now();
        // By the id of its job, as one orchestrator does.
        handle.cancel(job);
        let result = orchestrator.result_of(&id).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
        assert!(
            began.elapsed() <= Duration::from_millis(20),
            "{name}: {:?}",
            began.elapsed()
        );
        assert_eq!(gate.running(), 0, "its destructors ran");
    }
}

#[actix_rt::test]
async fn a_handler_that_asked_for_the_cancel_has_the_grace_time() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate)
        .task("holds_the_token", holds_the_token)
        .task("looked_once", looked_once);
    let handle = start(builder).await;
    for name in ["holds_the_token", "looked_once"] {
        let id = orchestrator.submit(name, &());
        gate.runs(1).await;
        let began = tokio::time::Instant::now();
        handle.cancel(id.as_str());
        let result = orchestrator.result_of(&id).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
        let grace = 5 * SECOND;
        assert!(
            (grace..grace + SECOND).contains(&began.elapsed()),
            "{name}: {:?}",
            began.elapsed()
        );
        assert_eq!(gate.running(), 0, "its destructors ran");
    }
}

/// Has the context, and asks for other things.
async fn indifferent(
    params: Value,
    gate: Data<Arc<Gate>>,
    task: TaskContext,
) -> Result<(), TaskError> {
    task.progress(0.5, task.job_id().as_str()).await;
    gated(params, gate).await
}

async fn holds_the_token(
    params: Value,
    gate: Data<Arc<Gate>>,
    _: Cancellation,
) -> Result<(), TaskError> {
    gated(params, gate).await
}

async fn looked_once(
    params: Value,
    gate: Data<Arc<Gate>>,
    task: TaskContext,
) -> Result<(), TaskError> {
    assert!(!task.is_cancelled());
    gated(params, gate).await
}

#[actix_rt::test]
async fn a_task_that_waits_for_its_type_is_cancelled_at_once_and_frees_its_slot() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate).max_concurrent_tasks(2)).await;
    orchestrator.submit("video_a", &());
    gate.runs(1).await;
    let parked = orchestrator.submit("video_b", &());
    reported(&orchestrator, 2).await;
    handle.cancel(parked.as_str());
    assert_eq!(
        orchestrator.result_of(&parked).await.outcome,
        Outcome::Cancelled
    );
    // The slot is free again: another task gets it while the video still runs.
    let next = orchestrator.submit("echo", &());
    orchestrator.result_of(&next).await;
    assert_eq!(gate.running(), 1);
}

#[actix_rt::test]
async fn cancelling_what_is_over_unknown_or_cancelled_changes_nothing() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    let done = orchestrator.submit("echo", &());
    orchestrator.result_of(&done).await;
    handle.cancel(done.as_str());
    handle.cancel("never-heard-of");
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    handle.cancel(id.as_str());
    handle.cancel(id.as_str());
    orchestrator.result_of(&id).await;
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(orchestrator.results(2).await.len(), 2, "one result each");
}

#[actix_rt::test]
async fn a_cancel_in_the_answer_to_a_heartbeat_counts() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    orchestrator.cancel_with_next_beat(id.as_str());
    assert_eq!(
        orchestrator.result_of(&id).await.outcome,
        Outcome::Cancelled
    );
}

#[actix_rt::test]
async fn a_deadline_ends_the_task_with_a_timeout() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    let deadline = SystemTime::now() + 20 * SECOND;
    let began = tokio::time::Instant::now();
    let id = orchestrator.submit_with("polite", RawJson::empty_object(), |task| {
        task.deadline = Some(deadline);
    });
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Timeout);
    assert!(
        (15..=21).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

#[actix_rt::test]
async fn a_deadline_runs_while_the_task_waits_for_its_type() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.submit("video_a", &());
    gate.runs(1).await;
    let id = orchestrator.submit_with("video_b", RawJson::empty_object(), |task| {
        task.deadline = Some(SystemTime::now() + 2 * SECOND);
    });
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Timeout);
    assert_eq!(gate.most(), 1, "it never ran");
}

#[actix_rt::test]
async fn a_deadline_long_past_is_a_timeout_too() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit_with("polite", RawJson::empty_object(), |task| {
        task.deadline = Some(SystemTime::now() - 50 * SECOND);
    });
    let result = orchestrator.result_of(&id).await;
    let error = failure(&result);
    assert_eq!(error.code(), &ErrorCode::Timeout);
    assert!(error.message().contains("passed 50."), "{error}");
    assert_eq!(gate.running(), 0, "it is not begun");
    assert_eq!(orchestrator.count(Call::Deliver), 1);
}

#[actix_rt::test]
async fn a_time_limit_of_the_handler_counts_from_the_hand_out() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let limited = TaskSpec::named("limited").time_limit(3 * SECOND);
    let builder = worker(&orchestrator, &gate).task(limited, gated);
    start(builder.configure(|settings| settings.timing.cancel_grace = Duration::ZERO)).await;
    let began = tokio::time::Instant::now();
    let id = orchestrator.submit("limited", &());
    assert_eq!(
        failure(&orchestrator.result_of(&id).await).code(),
        &ErrorCode::Timeout
    );
    assert!(
        (3..4).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

#[actix_rt::test]
async fn a_time_limit_beyond_all_clocks_is_none() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    let years = |years: u64| Duration::from_hours(24 * 365 * years);
    let limits = [years(1), years(3), years(400), Duration::MAX];
    for limit in limits {
        orchestrator.submit_with("gated", RawJson::empty_object(), |task| {
            task.timeout = Some(limit);
        });
    }
    gate.runs(limits.len()).await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(gate.running(), limits.len());
    gate.open(limits.len());
    for result in orchestrator.results(limits.len()).await {
        assert!(matches!(result.outcome, Outcome::Completed(_)));
    }
}

#[actix_rt::test]
async fn many_time_limits_end_their_tasks_in_order_whenever_they_were_set() {
    const TASKS: u64 = 200;
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate).max_concurrent_tasks(1000);
    start(builder).await;
    let (began, mut meant) = (tokio::time::Instant::now(), Vec::new());
    for number in 0..TASKS {
        // Neither rising nor falling, and each ten seconds from its neighbours.
        let limit = 60 + number * 37 % TASKS * 10;
        let id = orchestrator.submit_with("polite", RawJson::empty_object(), |task| {
            task.timeout = Some(Duration::from_secs(limit));
        });
        meant.push((limit, id));
    }
    meant.sort();
    let results = orchestrator.results(meant.len()).await;
    assert!(
        began.elapsed() < Duration::from_secs(60 + TASKS * 10),
        "{:?}",
        began.elapsed()
    );
    for (result, (_, id)) in results.iter().zip(&meant) {
        assert_eq!(&result.task_id, id);
        assert_eq!(failure(result).code(), &ErrorCode::Timeout);
    }
}

#[actix_rt::test]
async fn many_handlers_that_do_not_end_have_the_same_grace_time() {
    const TASKS: usize = 50;
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate)
        .task("holds_the_token", holds_the_token)
        .max_concurrent_tasks(TASKS);
    let handle = start(builder).await;
    let ids: Vec<_> = (0..TASKS)
        .map(|_| orchestrator.submit("holds_the_token", &()))
        .collect();
    gate.runs(TASKS).await;
    let began = tokio::time::Instant::now();
    for id in &ids {
        handle.cancel(id.as_str());
    }
    for result in orchestrator.results(TASKS).await {
        assert_eq!(result.outcome, Outcome::Cancelled);
    }
    let grace = 5 * SECOND;
    assert!(
        (grace..grace + SECOND).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
}
