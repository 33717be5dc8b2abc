//! What a worker does about the ways of an orchestrator.

use std::time::Duration;

use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{Availability, Habits};
use tokio::time::Instant;

use crate::bare::Bare;
use crate::support::{Gate, SECOND, counting, reported, start, worker};

#[actix_rt::test]
async fn where_heartbeats_are_counted_a_stream_of_tasks_does_not_use_them_up() {
    let (orchestrator, gate) = (counting(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    // A change every 20 ms, for twenty seconds.
    for _ in 0..1000 {
        orchestrator.submit("echo", &());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let beats = orchestrator.count(Call::Heartbeat);
    // A few at once, and then one in two seconds.
    assert!((10..=20).contains(&beats), "{beats}");
}

#[actix_rt::test]
async fn the_first_changes_are_told_after_the_debounce() {
    let (orchestrator, gate) = (counting(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    for tasks in 1..=4 {
        orchestrator.submit("gated", &());
        let began = Instant::now();
        reported(&orchestrator, tasks).await;
        assert!(began.elapsed() <= SECOND / 5, "{:?}", began.elapsed());
    }
}

#[actix_rt::test]
async fn the_last_state_is_told_however_many_there_were() {
    let (orchestrator, gate) = (counting(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    for _ in 0..200 {
        orchestrator.submit("echo", &());
        tokio::time::sleep(SECOND / 10).await;
    }
    orchestrator.submit("gated", &());
    let began = Instant::now();
    reported(&orchestrator, 1).await;
    assert!(began.elapsed() <= 3 * SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn being_full_and_being_free_again_are_told_at_once_all_the_same() {
    let (orchestrator, gate) = (counting(), Gate::closed());
    start(worker(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let last = |availability: Availability| {
        let began = Instant::now();
        let orchestrator = &orchestrator;
        async move {
            while orchestrator.reports().last().unwrap().availability != availability {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(began.elapsed() <= SECOND / 5, "{:?}", began.elapsed());
        }
    };
    for _ in 0..30 {
        orchestrator.submit("gated", &());
        last(Availability::Full).await;
        gate.open(1);
        last(Availability::Idle).await;
    }
}

#[actix_rt::test]
async fn an_orchestrator_can_put_off_the_next_regular_heartbeat() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.put_off_next_beat(4 * SECOND);
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let mut at = Vec::new();
    let began = Instant::now();
    for beats in 2..=4 {
        orchestrator.called(Call::Heartbeat, beats).await;
        at.push(began.elapsed().as_secs_f64());
    }
    // The first one comes within the first 15 s, and 4 s later than that. The others are
    // in their time.
    assert!((7.0..=19.1).contains(&at[0]), "{at:?}");
    for apart in [at[1] - (at[0] - 4.0), at[2] - at[1]] {
        assert!((13.4..=15.1).contains(&apart), "{at:?}");
    }
}

#[actix_rt::test]
async fn a_change_is_told_although_the_next_heartbeat_is_put_off() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.put_off_next_beat(60 * SECOND);
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    // The regular one was due, and the next one is not.
    tokio::time::sleep(16 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Heartbeat), 1);
    orchestrator.submit("gated", &());
    let began = Instant::now();
    reported(&orchestrator, 1).await;
    assert!(began.elapsed() <= SECOND / 5, "{:?}", began.elapsed());
}

/// Whether a task that is handed out two seconds after the news is still taken.
async fn takes_a_late_task(lag: Duration) -> bool {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let mut habits = Habits::default();
    habits.dispatch_lag = lag;
    orchestrator.set_habits(habits);
    let connect = orchestrator.connect();
    let builder = worker(&orchestrator, &gate);
    let builder = builder.only_transport("slow", move |id| Bare::new(connect(id)));
    let handle = start(builder).await;
    orchestrator.called(Call::Poll, 1).await;
    let ending = actix_rt::spawn(async move { handle.shutdown().await });
    tokio::time::sleep(2 * SECOND).await;
    let late = orchestrator.submit("echo", &());
    assert!(ending.await.unwrap().is_clean());
    let is_taken = orchestrator.queued() == 0;
    if is_taken {
        orchestrator.result_of(&late).await;
    }
    is_taken
}

#[actix_rt::test]
async fn at_the_end_polls_stay_open_while_an_orchestrator_may_not_have_taken_note() {
    assert!(takes_a_late_task(SECOND * 5 / 2).await);
}

#[actix_rt::test]
async fn at_the_end_polls_are_dropped_soon_where_an_orchestrator_takes_note_at_once() {
    assert!(!takes_a_late_task(Duration::ZERO).await);
}
