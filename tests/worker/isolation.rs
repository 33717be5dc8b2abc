//! User code that misbehaves delays nothing but itself. Real threads, real time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    Data, ErrorCode, Interruption, Outcome, RawJson, TaskContext, TaskError, TaskHandler, Worker,
    WorkerBuilder, actor, blocking,
};
use serde_json::Value;

use crate::support::{data, echo, failure, reported};
use crate::until::until;

/// Blocks threads until the test lets them go.
struct Clamp {
    closed: Mutex<Receiver<()>>,
    /// How many it has caught.
    caught: AtomicUsize,
}

impl Clamp {
    fn new() -> (Sender<()>, Arc<Self>) {
        let (release, held) = channel();
        let clamp = Self {
            closed: Mutex::new(held),
            caught: AtomicUsize::new(0),
        };
        (release, Arc::new(clamp))
    }

    fn hold(&self) {
        self.caught.fetch_add(1, Ordering::SeqCst);
        let _ = self.closed.lock().expect("nobody panics here").recv();
    }

    /// Waits until it has one. A task is reported before its handler is called.
    async fn has_one(&self) {
        let caught = || self.caught.load(Ordering::SeqCst) > 0;
        until("a thread is held", caught).await;
    }
}

async fn blocks_its_thread(_: Value, clamp: Data<Arc<Clamp>>) -> Result<(), TaskError> {
    clamp.hold();
    Ok(())
}

fn blocks_a_thread(_: Value, clamp: Data<Arc<Clamp>>) -> Result<(), TaskError> {
    clamp.hold();
    Ok(())
}

fn looks_up(_: Value, task: TaskContext) -> Result<&'static str, TaskError> {
    while !task.is_cancelled() {
        std::thread::yield_now();
    }
    Ok("stopped")
}

/// How often a handler was called.
type Calls = Arc<AtomicUsize>;

fn counts_on_a_thread(_: Value, calls: Data<Calls>) -> Result<(), TaskError> {
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

async fn counts(params: Value, calls: Data<Calls>) -> Result<(), TaskError> {
    counts_on_a_thread(params, calls)
}

fn worker(orchestrator: &MemoryOrchestrator, clamp: &Arc<Clamp>) -> WorkerBuilder {
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .data(clamp.clone())
        .task("echo", echo)
        .task("blocks_its_thread", blocks_its_thread)
        .task("blocks_a_thread", blocking(blocks_a_thread))
        .task("looks_up", blocking(looks_up))
        .configure(|settings| {
            settings.intake.handler_threads = 2;
            settings.timing.heartbeat_interval = Duration::from_millis(50);
            settings.timing.cancel_grace = Duration::from_millis(50);
            settings.timing.shutdown_timeout = Duration::from_millis(100);
        })
}

#[actix_rt::test]
async fn a_blocked_handler_thread_delays_no_heartbeat_poll_or_other_task() {
    let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp).spawn().unwrap();
    let stuck = orchestrator.submit("blocks_its_thread", &());
    reported(&orchestrator, 1).await;
    clamp.has_one().await;
    // All of this happens while that thread is held.
    orchestrator.called(Call::Heartbeat, 10).await;
    for _ in 0..20 {
        let id = orchestrator.submit("echo", &());
        orchestrator.result_of(&id).await;
    }
    release.send(()).unwrap();
    orchestrator.result_of(&stuck).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_blocking_handler_that_ignores_a_cancel_is_reported_and_keeps_its_slot() {
    let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp)
        .max_concurrent_tasks(1)
        .spawn()
        .unwrap();
    let stuck = orchestrator.submit("blocks_a_thread", &());
    reported(&orchestrator, 1).await;
    clamp.has_one().await;
    handle.cancel(stuck.as_str());
    assert_eq!(
        orchestrator.result_of(&stuck).await.outcome,
        Outcome::Cancelled
    );
    let next = orchestrator.submit("echo", &());
    orchestrator
        .called(Call::Heartbeat, orchestrator.count(Call::Heartbeat) + 5)
        .await;
    assert_eq!(orchestrator.queued(), 1, "the slot is still taken");
    release.send(()).unwrap();
    orchestrator.result_of(&next).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_blocking_handler_that_looks_stops_at_once() {
    let (orchestrator, (_release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp).spawn().unwrap();
    let id = orchestrator.submit("looks_up", &());
    reported(&orchestrator, 1).await;
    handle.cancel(id.as_str());
    assert_eq!(
        orchestrator.result_of(&id).await.outcome,
        Outcome::Cancelled
    );
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_stuck_thread_does_not_hold_up_the_end_and_is_told() {
    let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp).spawn().unwrap();
    let stuck = orchestrator.submit("blocks_its_thread", &());
    reported(&orchestrator, 1).await;
    clamp.has_one().await;
    let report = handle.shutdown().await;
    assert_eq!((report.interrupted, report.unsent), (1, 0));
    let result = orchestrator.result_of(&stuck).await;
    assert_eq!(result.outcome, Outcome::Interrupted(Interruption::ShutDown));
    release.send(()).unwrap();
}

#[test]
fn a_worker_needs_no_runtime_to_be_spawned() {
    let (orchestrator, (_release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp).spawn().unwrap();
    let id = orchestrator.submit("echo", &());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            orchestrator.result_of(&id).await;
            handle.shutdown().await;
        });
}

#[actix_rt::test]
async fn a_task_called_off_while_it_waits_for_a_thread_never_begins() {
    for (holds, waits) in [
        ("blocks_a_thread", "counts_on_a_thread"),
        ("blocks_its_thread", "counts"),
    ] {
        let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
        let calls = Calls::default();
        let handle = worker(&orchestrator, &clamp)
            .data(calls.clone())
            .task("counts_on_a_thread", blocking(counts_on_a_thread))
            .task("counts", counts)
            .max_concurrent_tasks(2)
            .configure(|settings| {
                settings.intake.handler_threads = 1;
                settings.intake.blocking_threads = 1;
                settings.timing.cancel_grace = Duration::from_hours(1);
            })
            .spawn()
            .unwrap();
        let stuck = orchestrator.submit(holds, &());
        reported(&orchestrator, 1).await;
        clamp.has_one().await;
        let waiting = orchestrator.submit(waits, &());
        reported(&orchestrator, 2).await;
        handle.cancel(waiting.as_str());
        let result = orchestrator.result_of(&waiting).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
        // Its slot is free while the thread is still held.
        let next = orchestrator.submit("echo", &());
        until("it is handed out", || orchestrator.queued() == 0).await;
        assert_eq!(
            handle.status().abandoned,
            0,
            "{waits}: nothing holds its slot"
        );

        release.send(()).unwrap();
        orchestrator.result_of(&stuck).await;
        orchestrator.result_of(&next).await;
        let next = orchestrator.submit(waits, &());
        orchestrator.result_of(&next).await;
        assert_eq!(
            calls.load(Ordering::SeqCst),
            1,
            "{waits}: only the last one"
        );
        handle.shutdown().await;
    }
}

struct Patient;

impl TaskHandler for Patient {
    type Params = Value;
    type Output = ();

    async fn handle(&mut self, _: Value, task: TaskContext) -> Result<(), TaskError> {
        let started = task.data::<Arc<Clamp>>().expect("the test gave it");
        started.caught.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

#[actix_rt::test]
async fn a_handler_with_state_that_never_asked_for_the_cancel_is_dropped_at_once() {
    let (orchestrator, (_release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp)
        .task("patient", actor(|| Ok(Patient)))
        .configure(|settings| settings.timing.cancel_grace = Duration::from_hours(1))
        .spawn()
        .unwrap();
    let id = orchestrator.submit("patient", &());
    clamp.has_one().await;
    handle.cancel(id.as_str());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_task_cancelled_while_it_waits_for_a_blocking_thread_leaves_at_once() {
    let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp)
        .configure(|settings| {
            settings.intake.blocking_threads = 1;
            // Nobody waits for this in the test.
            settings.timing.cancel_grace = Duration::from_hours(1);
        })
        .spawn()
        .unwrap();
    let stuck = orchestrator.submit("blocks_a_thread", &());
    clamp.has_one().await;
    let waiting = orchestrator.submit("blocks_a_thread", &());
    reported(&orchestrator, 2).await;
    handle.cancel(waiting.as_str());
    let result = orchestrator.result_of(&waiting);
    let result = tokio::time::timeout(Duration::from_secs(30), result).await;
    assert_eq!(result.expect("in time").outcome, Outcome::Cancelled);
    release.send(()).unwrap();
    orchestrator.result_of(&stuck).await;
    handle.shutdown().await;
}

/// What a blocking function spawns runs beside it and after it; timers fire, and it can wait
/// for futures, even when every blocking thread does.
fn spawns(
    _: Value,
    ended: Data<tokio::sync::mpsc::UnboundedSender<u64>>,
) -> Result<u64, TaskError> {
    let ended = ended.clone();
    let beside = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        1
    });
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let _ = ended.send(2);
    });
    let here = tokio::runtime::Handle::current();
    here.block_on(async {
        let elsewhere = tokio::task::spawn_blocking(|| 3);
        Ok(beside.await? + elsewhere.await?)
    })
}

#[actix_rt::test]
async fn blocking_functions_are_in_a_live_runtime() {
    let (orchestrator, (_release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel::<u64>();
    let handle = worker(&orchestrator, &clamp)
        .data(sender)
        .task("spawns", blocking(spawns))
        .configure(|settings| settings.intake.blocking_threads = 1)
        .spawn()
        .unwrap();
    for _ in 0..2 {
        let id = orchestrator.submit("spawns", &());
        let all = async {
            let result = orchestrator.result_of(&id).await;
            assert_eq!(data(&result)["result"], 4);
            assert_eq!(ended.recv().await, Some(2));
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), all).await;
        in_time.expect("what was spawned runs");
    }
    handle.shutdown().await;
}

/// Holds its thread the first time, and succeeds after that.
async fn blocks_once(
    _: Value,
    clamp: Data<Arc<Clamp>>,
    calls: Data<Calls>,
) -> Result<(), TaskError> {
    if calls.fetch_add(1, Ordering::SeqCst) == 0 {
        clamp.hold();
    }
    Ok(())
}

#[actix_rt::test]
async fn the_next_attempt_of_a_task_is_told_apart_from_one_that_was_left_behind() {
    let (orchestrator, (release, clamp)) = (MemoryOrchestrator::new(), Clamp::new());
    let handle = worker(&orchestrator, &clamp)
        .data(Calls::default())
        .task("blocks_once", blocks_once)
        .spawn()
        .unwrap();
    let attempt = |within| {
        orchestrator.submit_with("blocks_once", RawJson::empty_object(), |task| {
            task.id = "the same".into();
            task.timeout = Some(within);
        })
    };
    attempt(Duration::from_millis(50));
    let first = orchestrator.results(1).await;
    assert_eq!(failure(&first[0]).code(), &ErrorCode::Timeout);
    assert_eq!(handle.status().abandoned, 1);

    // It succeeds while the first one still holds its thread.
    attempt(Duration::from_mins(1));
    let second = orchestrator.results(2).await;
    assert!(matches!(second[1].outcome, Outcome::Completed(_)));
    assert_eq!(handle.status().abandoned, 1);
    release.send(()).unwrap();
    until("it is not left behind any more", || {
        handle.status().abandoned == 0
    })
    .await;
    handle.shutdown().await;
}
