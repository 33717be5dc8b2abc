//! Which handler thread a task comes to. Real threads, real time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::middleware::{Next, TaskCall};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    Data, Interruption, Outcome, TaskContext, TaskError, Worker, WorkerBuilder, blocking,
};
use serde_json::Value;

use crate::support::{Gate, echo, gated, reported};
use crate::until::until;

/// Holds threads until the test says otherwise, and tells when it has one.
struct Clamp {
    held: Sender<()>,
    release: Mutex<Receiver<()>>,
}

/// The test's side of it.
struct Grip {
    held: Receiver<()>,
    release: Sender<()>,
}

fn clamp() -> (Grip, Arc<Clamp>) {
    let ((held, holds), (release, released)) = (channel(), channel());
    let grip = Grip {
        held: holds,
        release,
    };
    let release = Mutex::new(released);
    (grip, Arc::new(Clamp { held, release }))
}

impl Clamp {
    fn hold(&self) {
        self.held.send(()).expect("the test listens");
        let _ = self.release.lock().expect("nobody panics here").recv();
    }
}

async fn blocks_at_once(_: Value, clamp: Data<Arc<Clamp>>) -> Result<(), TaskError> {
    clamp.hold();
    Ok(())
}

async fn blocks_later(_: Value, clamp: Data<Arc<Clamp>>) -> Result<(), TaskError> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    clamp.hold();
    Ok(())
}

/// How often a handler was called.
type Calls = Arc<AtomicUsize>;

async fn counts(_: Value, calls: Data<Calls>) -> Result<(), TaskError> {
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// How many tasks each thread has begun.
#[derive(Default)]
struct Threads(Mutex<HashMap<ThreadId, usize>>);

impl Threads {
    fn count(&self) {
        let mut counts = self.0.lock().expect("nobody panics here");
        *counts.entry(std::thread::current().id()).or_default() += 1;
    }

    fn counts(&self) -> Vec<usize> {
        let counts = self.0.lock().expect("nobody panics here");
        counts.values().copied().collect()
    }
}

async fn waits(
    params: Value,
    gate: Data<Arc<Gate>>,
    threads: Data<Arc<Threads>>,
) -> Result<(), TaskError> {
    threads.count();
    gated(params, gate).await
}

/// A destructor that panics, when the task is over.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor that panics, as the test wants it");
    }
}

/// Panics when it is dropped at its `.await`.
async fn sits_on_a_bomb(_: Value, calls: Data<Calls>) -> Result<(), TaskError> {
    let _bomb = Bomb;
    calls.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

fn passes(_: Value) -> Result<(), TaskError> {
    Ok(())
}

/// Holds its thread after the handler has returned, on another thread.
async fn blocks_afterwards(call: TaskCall, next: Next) -> Outcome {
    let clamp = call.task().data::<Arc<Clamp>>().expect("the test gave it");
    let outcome = next.run(call).await;
    clamp.hold();
    outcome
}

async fn leaves_a_bomb(_: Value, task: TaskContext) -> Result<(), TaskError> {
    task.insert(Bomb);
    Ok(())
}

fn worker(orchestrator: &MemoryOrchestrator, clamp: &Arc<Clamp>, threads: usize) -> WorkerBuilder {
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .data(clamp.clone())
        .task("echo", echo)
        .task("blocks_at_once", blocks_at_once)
        .task("blocks_later", blocks_later)
        .task("blocks_afterwards", blocking(passes))
        .middleware_for(["blocks_afterwards"], blocks_afterwards)
        .max_concurrent_tasks(100)
        .configure(move |settings| settings.intake.handler_threads = threads)
}

#[actix_rt::test]
async fn tasks_behind_a_handler_that_blocks_run_on_another_thread() {
    for blocks in ["blocks_at_once", "blocks_later", "blocks_afterwards"] {
        let (orchestrator, (grip, clamp)) = (MemoryOrchestrator::new(), clamp());
        // All of them come at once.
        let stuck = orchestrator.submit(blocks, &());
        let others: Vec<_> = (0..30).map(|n| orchestrator.submit("echo", &n)).collect();
        let handle = worker(&orchestrator, &clamp, 2).spawn().unwrap();
        grip.held.recv().expect("a held thread");
        for id in &others {
            orchestrator.result_of(id).await;
        }
        // So does a single one, whichever thread is held.
        for n in 0..10 {
            let id = orchestrator.submit("echo", &n);
            orchestrator.result_of(&id).await;
        }
        grip.release.send(()).unwrap();
        orchestrator.result_of(&stuck).await;
        handle.shutdown().await;
    }
}

#[actix_rt::test]
async fn the_last_free_thread_gets_to_everything() {
    let (orchestrator, (grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let handle = worker(&orchestrator, &clamp, 4).spawn().unwrap();
    let mut stuck = Vec::new();
    for blocks in ["blocks_later", "blocks_afterwards", "blocks_at_once"] {
        stuck.push(orchestrator.submit(blocks, &()));
        // Else the second one may begin on the thread of the first, which waits then.
        grip.held.recv().expect("a held thread");
    }
    let others: Vec<_> = (0..30).map(|n| orchestrator.submit("echo", &n)).collect();
    for id in &others {
        orchestrator.result_of(id).await;
    }
    for _ in &stuck {
        grip.release.send(()).unwrap();
    }
    for id in &stuck {
        orchestrator.result_of(id).await;
    }
    handle.shutdown().await;
}

#[actix_rt::test]
async fn tasks_that_wait_are_spread_over_the_threads() {
    const TASKS: usize = 80;
    let (orchestrator, (_grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let (gate, threads) = (Gate::closed(), Arc::<Threads>::default());
    let handle = worker(&orchestrator, &clamp, 2)
        .data(gate.clone())
        .data(threads.clone())
        .task("waits", waits)
        .spawn()
        .unwrap();
    for n in 1..=TASKS {
        orchestrator.submit("waits", &());
        gate.runs(n).await;
    }
    let counts = threads.counts();
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(
        counts.iter().all(|&tasks| tasks >= TASKS / 2 - 9),
        "{counts:?}"
    );
    gate.open(TASKS);
    orchestrator.results(TASKS).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_task_called_off_before_a_thread_has_it_ends_at_once_and_frees_its_slot() {
    let (orchestrator, (grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let calls = Calls::default();
    let handle = worker(&orchestrator, &clamp, 1)
        .data(calls.clone())
        .task("counts", counts)
        .max_concurrent_tasks(2)
        .configure(|settings| settings.timing.cancel_grace = Duration::from_hours(1))
        .spawn()
        .unwrap();
    let stuck = orchestrator.submit("blocks_at_once", &());
    grip.held.recv().expect("a held thread");
    for _ in 0..3 {
        let waiting = orchestrator.submit("counts", &());
        let is_here = |running: &axon_worker::transport::RunningTask| running.task_id == waiting;
        orchestrator
            .report_where(|report| report.running.iter().any(is_here))
            .await;
        handle.cancel(waiting.as_str());
        let result = orchestrator.result_of(&waiting).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
    }
    grip.release.send(()).unwrap();
    orchestrator.result_of(&stuck).await;
    let last = orchestrator.submit("counts", &());
    orchestrator.result_of(&last).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1, "only the last one");
    handle.shutdown().await;
}

#[actix_rt::test]
async fn at_the_end_tasks_behind_a_handler_that_blocks_are_handed_back_and_not_run() {
    let (orchestrator, (grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let calls = Calls::default();
    let handle = worker(&orchestrator, &clamp, 1)
        .data(calls.clone())
        .task("counts", counts)
        .configure(|settings| {
            settings.timing.cancel_grace = Duration::from_millis(50);
            settings.timing.shutdown_timeout = Duration::from_millis(50);
        })
        .spawn()
        .unwrap();
    orchestrator.submit("blocks_at_once", &());
    grip.held.recv().expect("a held thread");
    let waiting: Vec<_> = (0..5).map(|_| orchestrator.submit("counts", &())).collect();
    reported(&orchestrator, 6).await;
    let report = handle.shutdown().await;
    assert_eq!((report.interrupted, report.unsent), (6, 0));
    for id in &waiting {
        let result = orchestrator.result_of(id).await;
        let interrupted = Outcome::Interrupted(Interruption::ShutDown);
        assert_eq!(result.outcome, interrupted);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    grip.release.send(()).unwrap();
}

#[actix_rt::test]
async fn a_destructor_that_panics_does_not_keep_its_thread_from_the_next_task() {
    let (orchestrator, (_grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let handle = worker(&orchestrator, &clamp, 1)
        .task("leaves_a_bomb", leaves_a_bomb)
        .spawn()
        .unwrap();
    for n in 0..3 {
        let bomb = orchestrator.submit("leaves_a_bomb", &());
        orchestrator.result_of(&bomb).await;
        let next = orchestrator.submit("echo", &n);
        orchestrator.result_of(&next).await;
    }
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_handler_whose_destructor_panics_when_it_is_cancelled_ends_as_any_other() {
    let (orchestrator, (_grip, clamp)) = (MemoryOrchestrator::new(), clamp());
    let calls = Calls::default();
    let handle = worker(&orchestrator, &clamp, 1)
        .data(calls.clone())
        .task("sits_on_a_bomb", sits_on_a_bomb)
        .max_concurrent_tasks(1)
        .spawn()
        .unwrap();
    for n in 1..=3 {
        let bomb = orchestrator.submit("sits_on_a_bomb", &());
        until("it sits", || calls.load(Ordering::SeqCst) == n).await;
        handle.cancel(bomb.as_str());
        let result = orchestrator.result_of(&bomb).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
        let next = orchestrator.submit("echo", &n);
        orchestrator.result_of(&next).await;
    }
    assert_eq!(handle.status().abandoned, 0);
    handle.shutdown().await;
}
