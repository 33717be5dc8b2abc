//! Commands that come over a channel of their own; here those that call tasks off.

mod channel;
mod custom;

use std::sync::Arc;
use std::time::Duration;

use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{CancelTarget, Command};
use axon_worker::{Outcome, WorkerBuilder};

use crate::support::{Gate, SECOND, reported, start, worker};
use crate::until::until;

fn cancel(id: impl Into<String>) -> Command {
    Command::Cancel(CancelTarget(id.into()))
}

fn listening(orchestrator: &MemoryOrchestrator, gate: &Arc<Gate>) -> WorkerBuilder {
    worker(orchestrator, gate).configure(|settings| settings.enable_websockets = true)
}

#[actix_rt::test]
async fn a_cancel_reaches_the_handler_at_once() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    assert!(orchestrator.card().unwrap().takes_commands);
    let began = tokio::time::Instant::now();
    orchestrator.command(cancel(id.as_str()));
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(5));
}

#[actix_rt::test]
async fn a_cancel_that_overtakes_its_task_counts_and_the_handler_is_not_called() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.called(Call::OpenCommands, 1).await;
    // The ids of the memory orchestrator are known beforehand.
    orchestrator.command(cancel("task-1"));
    tokio::time::sleep(SECOND).await;
    let id = orchestrator.submit("gated", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(gate.most(), 0, "it never ran");
    // The slot is free, and the next task is none of the cancel's business.
    let next = orchestrator.submit("echo", &());
    let outcome = orchestrator.result_of(&next).await.outcome;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
}

#[actix_rt::test]
async fn a_task_that_waited_at_the_orchestrator_while_it_was_cancelled_never_runs() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    orchestrator.submit("gated", &());
    gate.runs(1).await;
    let waiting = orchestrator.submit("gated", &());
    orchestrator.command(cancel(waiting.as_str()));
    tokio::time::sleep(120 * SECOND).await;
    gate.open(1);
    let result = orchestrator.result_of(&waiting).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
}

#[actix_rt::test]
async fn a_cancel_of_a_job_does_not_meet_what_the_job_does_later() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.command(cancel("job-1"));
    tokio::time::sleep(10 * SECOND).await;
    let id = orchestrator.submit("echo", &());
    let outcome = orchestrator.result_of(&id).await.outcome;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
}

#[actix_rt::test]
async fn a_task_that_waits_for_its_type_is_cancelled_over_the_channel() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.submit("video_a", &());
    gate.runs(1).await;
    let parked = orchestrator.submit("video_b", &());
    reported(&orchestrator, 2).await;
    orchestrator.command(cancel(parked.as_str()));
    let result = orchestrator.result_of(&parked).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(gate.most(), 1);
}

#[actix_rt::test]
async fn cancels_over_channel_and_heartbeat_together_and_after_the_end_make_one_result() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    let done = orchestrator.submit("echo", &());
    orchestrator.result_of(&done).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    orchestrator.cancel_with_next_beat(id.as_str());
    for id in [done.as_str(), "never-heard-of", id.as_str(), id.as_str()] {
        orchestrator.command(cancel(id));
    }
    orchestrator.result_of(&id).await;
    orchestrator.command(cancel(id.as_str()));
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.results(2).await.len(), 2, "one result each");
}

#[actix_rt::test]
async fn an_orchestrator_cannot_cancel_the_tasks_of_another() {
    let (one, two) = (MemoryOrchestrator::new(), MemoryOrchestrator::new());
    let gate = Gate::closed();
    let handle = start(listening(&one, &gate).transport("two", two.connect())).await;
    let id = one.submit("polite", &());
    gate.runs(1).await;
    two.command(cancel(id.as_str()));
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(gate.running(), 1);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_cancel_counts_until_the_end_of_a_drain_and_then_the_channel_closes() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(listening(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    let ending = actix_rt::spawn({
        let handle = handle.clone();
        async move { handle.shutdown().await }
    });
    tokio::time::sleep(SECOND).await;
    assert!(orchestrator.has_commands_open());
    orchestrator.command(cancel(id.as_str()));
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    ending.await.unwrap();
    assert!(!orchestrator.has_commands_open());
}
