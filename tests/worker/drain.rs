//! Ending cleanly.

use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{Availability, TransportError};
use axon_worker::{DrainReport, Interruption, Outcome};

use crate::support::{Gate, SECOND, data, start, worker};

#[actix_rt::test]
async fn a_running_task_finishes_and_its_result_goes_out_first() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit("gated", &());
    gate.runs(1).await;
    let ending = actix_rt::spawn({
        let handle = handle.clone();
        async move { handle.shutdown().await }
    });
    orchestrator
        .report_where(|r| r.availability == Availability::Draining)
        .await;
    orchestrator.submit("echo", &());
    tokio::time::sleep(10 * SECOND).await;
    assert!(!ending.is_finished());
    assert_eq!(orchestrator.queued(), 1, "no new task is taken");
    gate.open(1);
    let report: DrainReport = ending.await.unwrap();
    assert!(report.is_clean() && report.interrupted == 0);
    assert_eq!(report.done, 1);
    orchestrator.result_of(&id).await;
    let last = orchestrator.reports().pop().expect("a farewell");
    assert_eq!(last.availability, Availability::Offline);
    assert!(last.available.is_empty() && last.running.is_empty());
    assert_eq!(orchestrator.open_polls(), 0);
}

#[actix_rt::test]
async fn a_task_that_takes_too_long_is_interrupted_not_cancelled() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    let stubborn = orchestrator.submit("gated", &());
    let polite = orchestrator.submit("polite", &());
    gate.runs(2).await;
    let began = tokio::time::Instant::now();
    let report = handle.shutdown().await;
    assert_eq!(report.interrupted, 2);
    assert_eq!((report.stuck, report.unsent), (0, 0));
    let status = handle.status();
    assert_eq!((status.totals.interrupted, status.totals.failed), (1, 0));
    assert!(status.failures.is_empty(), "{:?}", status.failures);
    // Half of the 25 s for everything is for tasks.
    let limit = 12 * SECOND;
    assert!(
        (limit..25 * SECOND).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    let result = orchestrator.result_of(&stubborn).await;
    assert_eq!(result.outcome, Outcome::Interrupted(Interruption::ShutDown));
    let finished = data(&orchestrator.result_of(&polite).await);
    assert_eq!(
        finished["result"], "stopped in time",
        "work that was finished counts"
    );
}

#[actix_rt::test]
async fn work_that_ends_within_the_grace_time_counts_although_the_handler_never_asked() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate)
        .configure(|settings| settings.timing.shutdown_timeout = SECOND);
    let handle = start(builder).await;
    let id = orchestrator.submit("gated", &());
    gate.runs(1).await;
    let ending = actix_rt::spawn(async move { handle.shutdown().await });
    // Called off at once; a fifth of five seconds is for what follows.
    tokio::time::sleep(SECOND / 2).await;
    gate.open(1);
    let result = orchestrator.result_of(&id).await;
    assert!(matches!(result.outcome, Outcome::Completed(_)));
    ending.await.unwrap();
}

#[actix_rt::test]
async fn an_unreachable_orchestrator_does_not_hold_up_the_end_for_ever() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    let away = TransportError::Unreachable {
        reason: "gone".into(),
    };
    orchestrator.fail_next(Call::Deliver, &away, 10_000);
    orchestrator.submit("echo", &());
    orchestrator.called(Call::Deliver, 1).await;
    let began = tokio::time::Instant::now();
    let report = handle.shutdown().await;
    assert_eq!(report.unsent, 1);
    assert!(began.elapsed() <= 15 * SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_worker_that_never_registered_ends_at_once() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let away = TransportError::Unreachable {
        reason: "gone".into(),
    };
    orchestrator.fail_next(Call::Register, &away, 1000);
    let handle = start(worker(&orchestrator, &gate)).await;
    let began = tokio::time::Instant::now();
    handle.shutdown().await;
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_paused_worker_takes_nothing_until_it_is_resumed() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.set_hold(SECOND);
    let handle = start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Poll, 1).await;
    handle.pause();
    tokio::time::sleep(5 * SECOND).await;
    let id = orchestrator.submit("echo", &());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.queued(), 1);
    handle.resume();
    orchestrator.result_of(&id).await;
}
