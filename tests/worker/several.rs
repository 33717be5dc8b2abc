//! Several orchestrators: who is asked, and who must not wait for whom.

use std::sync::Arc;

use axon_worker::config::OrchestratorMode;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{Availability, TransportError};
use axon_worker::{Route, WorkerBuilder};
use tokio::time::Instant;

use crate::support::{Gate, SECOND, start, worker};

fn away() -> TransportError {
    TransportError::Unreachable {
        reason: "connection refused".into(),
    }
}

/// A worker with two orchestrators, the first of which is preferred.
fn two(
    first: &MemoryOrchestrator,
    second: &MemoryOrchestrator,
    mode: OrchestratorMode,
    weights: (u32, u32),
    gate: &Arc<Gate>,
) -> WorkerBuilder {
    let route = |name, priority, weight| Route::named(name).priority(priority).weight(weight);
    worker(first, gate)
        .only_transport(route("first", 1, weights.0), first.connect())
        .transport(route("second", 2, weights.1), second.connect())
        .configure(move |settings| settings.mode = mode)
}

fn pair() -> (MemoryOrchestrator, MemoryOrchestrator, Arc<Gate>) {
    (
        MemoryOrchestrator::new(),
        MemoryOrchestrator::new(),
        Gate::closed(),
    )
}

fn failover(
    first: &MemoryOrchestrator,
    second: &MemoryOrchestrator,
    gate: &Arc<Gate>,
) -> WorkerBuilder {
    two(first, second, OrchestratorMode::Failover, (1, 1), gate)
}

fn in_turns(
    first: &MemoryOrchestrator,
    second: &MemoryOrchestrator,
    gate: &Arc<Gate>,
) -> WorkerBuilder {
    two(first, second, OrchestratorMode::RoundRobin, (1, 1), gate)
}

#[actix_rt::test]
async fn a_standby_is_told_that_we_are_busy_and_never_polled() {
    let (first, second, gate) = pair();
    start(failover(&first, &second, &gate)).await;
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!((first.open_polls(), second.open_polls()), (1, 0));
    assert_eq!(second.count(Call::Poll), 0);
    assert_eq!(second.count(Call::Register), 1);
    let reports = second.reports();
    assert!(reports.len() > 30);
    for report in reports {
        assert_eq!(report.availability, Availability::Busy);
        assert!(report.available.is_empty());
    }
}

#[actix_rt::test]
async fn the_standby_takes_over_at_once_and_gives_back() {
    let (first, second, gate) = pair();
    first.set_hold(SECOND);
    second.set_hold(SECOND);
    start(failover(&first, &second, &gate)).await;
    first.called(Call::Poll, 1).await;
    first.fail_next(Call::Poll, &away(), 1);
    first.fail_next(Call::Probe, &away(), 3);
    first.fail_next(Call::Heartbeat, &away(), 3);
    first.called(Call::Poll, 2).await;
    let failed = Instant::now();
    let task = second.submit("echo", &());
    second.result_of(&task).await;
    assert!(failed.elapsed().as_millis() < 100, "{:?}", failed.elapsed());
    second
        .report_where(|r| r.availability == Availability::Idle)
        .await;
    // The first one recovers after a few more tries.
    let task = first.submit("echo", &());
    first.result_of(&task).await;
    assert!(failed.elapsed() < 20 * SECOND, "{:?}", failed.elapsed());
    tokio::time::sleep(30 * SECOND).await;
    let polls = second.count(Call::Poll);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(second.count(Call::Poll), polls, "left alone again");
    let last = second.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Busy);
}

#[actix_rt::test]
async fn the_primary_is_tried_again_while_the_standby_holds_a_poll() {
    let (first, second, gate) = pair();
    start(failover(&first, &second, &gate)).await;
    first.set_hold(SECOND);
    first.called(Call::Poll, 1).await;
    first.fail_next(Call::Poll, &away(), 1);
    first.called(Call::Poll, 2).await;
    let failed = Instant::now();
    second.called(Call::Poll, 1).await;
    // The second holds its poll for 30 s; the backoff of the first is at most 1 s.
    first.called(Call::Poll, 3).await;
    assert!(failed.elapsed() <= 2 * SECOND, "{:?}", failed.elapsed());
}

#[actix_rt::test]
async fn what_a_standby_had_queued_is_fetched_before_it_is_left() {
    let (first, second, gate) = pair();
    first.fail_next(Call::Register, &away(), 2);
    start(failover(&first, &second, &gate)).await;
    second.called(Call::Poll, 1).await;
    let recovered = Instant::now();
    first.called(Call::Poll, 1).await;
    assert!(
        recovered.elapsed() < 10 * SECOND,
        "not behind the poll of the other"
    );
    // Handed to us while it took us for idle; we are with the first one by now.
    let task = second.submit("echo", &());
    let began = Instant::now();
    second.result_of(&task).await;
    assert!(began.elapsed() < 40 * SECOND, "{:?}", began.elapsed());
    let task = first.submit("echo", &());
    first.result_of(&task).await;
}

#[actix_rt::test]
async fn a_rate_limited_primary_is_not_left() {
    let (first, second, gate) = pair();
    first.fail_next(
        Call::Poll,
        &TransportError::RateLimited { retry_after: None },
        1,
    );
    start(failover(&first, &second, &gate)).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(second.count(Call::Poll), 0);
    let task = first.submit("echo", &());
    first.result_of(&task).await;
}

#[actix_rt::test]
async fn shares_under_load_are_exactly_the_weights() {
    let (first, second, gate) = pair();
    for _ in 0..400 {
        first.submit("echo", &());
        second.submit("echo", &());
    }
    let builder = two(&first, &second, OrchestratorMode::RoundRobin, (3, 1), &gate);
    start(builder.max_concurrent_tasks(4)).await;
    first.results(300).await;
    let (polls, others) = (first.count(Call::Poll), second.count(Call::Poll));
    // A few polls at the beginning, before both are known to have tasks.
    assert!(polls.abs_diff(3 * others) <= 12, "{polls} to {others}");
}

async fn serves_fifty_at_once(mode: OrchestratorMode) {
    let (first, second, gate) = pair();
    start(two(&first, &second, mode, (1, 1), &gate)).await;
    first.called(Call::Poll, 1).await;
    second.called(Call::Poll, 1).await;
    let began = Instant::now();
    for _ in 0..50 {
        let task = second.submit("echo", &());
        second.result_of(&task).await;
    }
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn nobody_waits_behind_the_idle_poll_of_another_in_round_robin() {
    serves_fifty_at_once(OrchestratorMode::RoundRobin).await;
}

#[actix_rt::test]
async fn nobody_waits_behind_the_idle_poll_of_another_in_waterfall() {
    serves_fifty_at_once(OrchestratorMode::Waterfall).await;
}

#[actix_rt::test]
async fn a_dead_orchestrator_holds_up_no_results_beats_or_tasks_of_another() {
    let (first, second, gate) = pair();
    start(in_turns(&first, &second, &gate)).await;
    first.called(Call::Poll, 1).await;
    let stuck = first.submit("echo", &());
    first.fail_next(Call::Deliver, &away(), 1000);
    for call in [Call::Poll, Call::Heartbeat, Call::Probe] {
        first.fail_next(call, &away(), 1000);
    }
    first.called(Call::Deliver, 1).await;
    for _ in 0..20 {
        let began = Instant::now();
        let task = second.submit("echo", &());
        second.result_of(&task).await;
        assert!(began.elapsed() < SECOND);
        tokio::time::sleep(SECOND).await;
    }
    let beats = second.count(Call::Heartbeat);
    assert!(beats > 15, "{beats}");
    assert!(
        first
            .results(0)
            .await
            .iter()
            .all(|result| result.task_id != stuck)
    );
}

#[actix_rt::test]
async fn a_result_goes_back_to_where_its_task_came_from() {
    let (first, second, gate) = pair();
    start(in_turns(&first, &second, &gate)).await;
    // Both number their tasks alike.
    let (one, other) = (first.submit("echo", &1), second.submit("echo", &2));
    assert_eq!(one, other);
    let data = |result: axon_worker::TaskResult| crate::support::data(&result)["result"].clone();
    assert_eq!(data(first.result_of(&one).await), 1);
    assert_eq!(data(second.result_of(&other).await), 2);
}

#[actix_rt::test]
async fn a_primary_that_was_restarted_is_never_told_that_we_are_busy() {
    let (first, second, gate) = pair();
    first.set_hold(SECOND);
    second.set_hold(SECOND);
    start(failover(&first, &second, &gate)).await;
    first.called(Call::Poll, 1).await;
    first.fail_next(Call::Poll, &away(), 1);
    first.fail_next(Call::Probe, &away(), 2);
    first.fail_next(Call::Heartbeat, &away(), 2);
    second.called(Call::Poll, 2).await;
    first.forget_worker();
    first.called(Call::Register, 2).await;
    let heard = first.reports().len();
    let task = first.submit("echo", &());
    first.result_of(&task).await;
    let registered = first.registered_as();
    assert_eq!(registered[1].availability, Availability::Idle);
    for report in &first.reports()[heard..] {
        assert_eq!(report.availability, Availability::Idle);
    }
    second
        .report_where(|report| report.availability == Availability::Busy)
        .await;
}

#[actix_rt::test]
async fn one_that_takes_no_results_gets_no_more_polls_and_the_other_goes_on() {
    let (first, second, gate) = pair();
    first.set_hold(SECOND);
    second.set_hold(SECOND);
    first.fail_next(Call::Deliver, &away(), 1_000_000);
    let builder = in_turns(&first, &second, &gate);
    let bounded = builder.configure(|settings| settings.results.max_bytes = 1_000_000);
    let handle = start(bounded).await;
    let long = "x".repeat(20_000);
    for _ in 0..60 {
        first.submit("echo", &long);
    }
    tokio::time::sleep(60 * SECOND).await;
    let polls = first.count(Call::Poll);
    let last = first.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Busy);
    for _ in 0..40 {
        second.submit("echo", &long);
    }
    second.results(40).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(first.count(Call::Poll), polls, "not one more poll");
    assert!(!handle.status().held);
    first.clear_faults();
    first.results(60).await;
    assert_eq!(handle.status().unsent, 0);
}
