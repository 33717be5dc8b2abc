//! Never over capacity, whatever the orchestrator hands out.

use axon_worker::ErrorCode;
use axon_worker::config::Settings;
use axon_worker::transport::Availability;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};

use crate::log::Log;
use crate::support::{Gate, SECOND, failure, start, worker};

#[actix_rt::test]
async fn the_global_limit_holds_however_many_tasks_are_queued() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for _ in 0..20 {
        orchestrator.submit("gated", &());
    }
    start(worker(&orchestrator, &gate).max_concurrent_tasks(3)).await;
    gate.runs(3).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(gate.running(), 3);
    assert_eq!(orchestrator.open_polls(), 0, "no poll without a free slot");
    assert_eq!(
        orchestrator.queued(),
        17,
        "the rest stays with the orchestrator"
    );
    gate.open(20);
    orchestrator.results(20).await;
    assert_eq!(gate.most(), 3);
}

#[actix_rt::test]
async fn a_type_limit_holds_though_the_orchestrator_ignores_it() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for name in ["video_a", "video_b", "video_a", "video_b"] {
        orchestrator.submit(name, &());
    }
    start(worker(&orchestrator, &gate)).await;
    gate.runs(1).await;
    let parked = orchestrator
        .report_where(|report| report.running.len() == 2)
        .await;
    // Another worker could run what waits here, so no more than one does.
    tokio::time::sleep(SECOND).await;
    assert_eq!((orchestrator.queued(), orchestrator.open_polls()), (2, 0));
    assert_eq!(parked.availability, Availability::Idle);
    assert!(
        !parked
            .available
            .iter()
            .any(|name| name.as_str().starts_with("video"))
    );
    assert_eq!(gate.running(), 1);
    gate.open(4);
    orchestrator.results(4).await;
    assert_eq!(gate.most(), 1);
}

#[actix_rt::test]
async fn a_full_parking_lot_stops_the_intake() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for _ in 0..50 {
        orchestrator.submit("video_a", &());
    }
    let builder = worker(&orchestrator, &gate).max_concurrent_tasks(40);
    start(builder.configure(|settings| settings.intake.parking_lot = 4)).await;
    gate.runs(1).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(orchestrator.open_polls(), 0);
    // One runs, and the lot is never larger than it may be.
    assert!(
        orchestrator.queued() >= 50 - 1 - 4,
        "{} left",
        orchestrator.queued()
    );
    gate.open(50);
    orchestrator.results(50).await;
    assert_eq!(gate.most(), 1);
}

#[actix_rt::test]
async fn a_task_that_waits_for_a_type_that_is_turned_off_is_given_back() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for _ in 0..2 {
        orchestrator.submit("video_a", &());
    }
    let handle = start(worker(&orchestrator, &gate)).await;
    orchestrator
        .report_where(|report| report.running.len() == 2)
        .await;

    handle.set_task_type_limit("video", 0);

    let results = orchestrator.results(1).await;
    let error = failure(&results[0]);
    assert_eq!(error.code(), &ErrorCode::LimitExceeded, "{error}");
    gate.open(1);
    orchestrator.results(2).await;
}

#[actix_rt::test]
async fn a_full_worker_says_busy_and_offers_nothing() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate).max_concurrent_tasks(2)).await;
    orchestrator.submit("gated", &());
    orchestrator.submit("gated", &());
    let full = orchestrator
        .report_where(|r| r.availability == Availability::Full)
        .await;
    assert_eq!(full.running.len(), 2);
    assert!(full.available.is_empty());
    gate.open(2);
    orchestrator.results(2).await;
    tokio::time::sleep(SECOND).await;
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Idle);
    assert!(last.running.is_empty());
}

#[actix_rt::test]
async fn an_idle_worker_keeps_one_poll_open_and_makes_no_other_request_than_beats() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    tokio::time::sleep(3600 * SECOND).await;
    assert_eq!(orchestrator.open_polls(), 1);
    assert_eq!(orchestrator.count(Call::Register), 1);
    // A poll is held for 30 s, a beat comes every 13.5 to 15 s.
    assert!(
        (118..=122).contains(&orchestrator.count(Call::Poll)),
        "{:?}",
        orchestrator.count(Call::Poll)
    );
    let beats = orchestrator.count(Call::Heartbeat);
    assert!((239..=268).contains(&beats), "{beats}");
}

#[actix_rt::test]
async fn limits_can_change_while_tasks_run() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for _ in 0..10 {
        orchestrator.submit("gated", &());
    }
    let handle = start(worker(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    gate.runs(1).await;
    handle.set_max_concurrent_tasks(4);
    gate.runs(4).await;
    handle.set_max_concurrent_tasks(2);
    gate.open(3);
    orchestrator.results(3).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(gate.running(), 2);
    assert_eq!(gate.most(), 4);
}

#[actix_rt::test]
async fn a_task_handed_out_twice_runs_once() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let twice = || {
        orchestrator.submit_with("gated", axon_worker::RawJson::empty_object(), |task| {
            task.id = "same".into();
        })
    };
    twice();
    twice();
    let handle = start(worker(&orchestrator, &gate)).await;
    gate.runs(1).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!((gate.running(), orchestrator.queued()), (1, 0));
    gate.open(1);
    orchestrator.results(1).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(orchestrator.results(1).await.len(), 1);
    assert!(handle.status().tasks.is_empty());
}

#[actix_rt::test]
async fn a_limit_of_the_settings_for_a_type_that_no_task_has_is_told() {
    let (log, _guard) = Log::begin();
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let mut settings = Settings::default();
    for kind in ["video", "vidoe"] {
        let limits = &mut settings.intake.task_type_limits;
        limits.insert(kind.to_owned(), 1);
    }
    start(worker(&orchestrator, &gate).settings(settings)).await;
    let lines = log.lines("AXON_TASK_TYPE_LIMITS");
    assert!(lines.len() == 1 && lines[0].contains("vidoe"), "{lines:?}");
}
