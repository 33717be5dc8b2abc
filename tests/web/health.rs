//! Every reason not to be ready, brought about for real.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axon_worker::config::Settings;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{
    BeatReply, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, TransportError,
    WorkerCard,
};
use axon_worker::{
    Data, RawJson, Task, TaskContext, TaskError, TaskResult, Worker, WorkerBuilder, WorkerHandle,
    blocking,
};
use futures_util::future::{LocalBoxFuture, pending, ready};
use serde_json::Value;

use crate::until::until;
use crate::{echo, get};

/// Handlers that hold their thread until the test lets go.
#[derive(Clone)]
struct Gate {
    closed: Arc<Mutex<Receiver<()>>>,
    /// How often a handler has come to it.
    comers: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> (Sender<()>, Self) {
        let (open, closed) = mpsc::channel();
        let gate = Self {
            closed: Arc::new(Mutex::new(closed)),
            comers: Arc::default(),
        };
        (open, gate)
    }

    /// Blocks the thread; an error means that the test is over.
    fn wait(&self) {
        self.comers.fetch_add(1, Ordering::SeqCst);
        let _ = self.closed.lock().expect("one at a time").recv();
    }

    /// Waits until a handler holds its thread.
    async fn is_reached(&self) {
        let reached = || self.comers.load(Ordering::SeqCst) > 0;
        until("a handler holds its thread", reached).await;
    }
}

/// Badly behaved: an async handler that blocks.
async fn hold(_: RawJson, gate: Data<Gate>) -> Result<(), TaskError> {
    gate.wait();
    Ok(())
}

fn hold_apart(_: RawJson, gate: Data<Gate>) -> Result<(), TaskError> {
    gate.wait();
    Ok(())
}

async fn waits(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
    task.cancellation().cancelled().await;
    Ok(())
}

fn builder(orchestrator: &MemoryOrchestrator, change: fn(&mut Settings)) -> WorkerBuilder {
    Worker::builder("test")
        .settings(Settings::default())
        .configure(|settings| settings.worker_port = 0)
        .configure(change)
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .task("waits", waits)
}

fn start(builder: WorkerBuilder) -> WorkerHandle {
    let worker = builder.build().expect("a worker");
    worker.with_health_check().spawn().expect("started")
}

/// Longer than a busy machine takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until the answer is 503 and names that reason, and returns all reasons.
async fn unwell(worker: &WorkerHandle, path: &str, reason: &str) -> Vec<String> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let (status, body) = get(worker, path).await;
        if status == 503 {
            let body: Value = serde_json::from_str(&body).expect("JSON");
            let of_body = body["reasons"].as_array().expect("reasons");
            let of_body = of_body.iter().map(|it| it.as_str().expect("a text"));
            let reasons: Vec<_> = of_body.map(str::to_owned).collect();
            assert!(!reasons.is_empty(), "{body}");
            if reasons.iter().any(|it| it.contains(reason)) {
                return reasons;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{path} never said {reason:?}");
}

/// Asks until the answer is 200.
async fn well(worker: &WorkerHandle, path: &str) {
    let began = Instant::now();
    while get(worker, path).await.0 != 200 {
        assert!(began.elapsed() < PATIENCE, "{path} never was well again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn unreachable() -> TransportError {
    TransportError::Unreachable {
        reason: "gone".into(),
    }
}

/// Blocks the control thread in its first poll, against all rules.
#[derive(Debug)]
struct Blocking {
    entered: Sender<()>,
    release: Receiver<()>,
}

impl Transport for Blocking {
    fn register(
        &self,
        _: Arc<WorkerCard>,
        _: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(ready(Ok(())))
    }

    fn heartbeat(&self, _: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        Box::pin(ready(Ok(BeatReply::default())))
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        Box::pin(ready(Ok(Standing::Known)))
    }

    fn poll(&self, _: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        let _ = self.entered.send(());
        let _ = self.release.recv();
        Box::pin(pending())
    }

    fn poll_is_cancel_safe(&self) -> bool {
        true
    }

    fn deliver(&self, _: Arc<TaskResult>) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        Box::pin(ready(Ok(Receipt::Accepted)))
    }

    fn progress(&self, _: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(ready(Ok(())))
    }
}

#[actix_rt::test]
async fn a_control_thread_that_is_blocked_is_no_life() {
    let (entered, blocked) = mpsc::channel();
    let (open, release) = mpsc::channel();
    let worker = Worker::builder("test")
        .settings(Settings::default())
        .configure(|settings| settings.worker_port = 0)
        .transport("blocking", move |_| Blocking { entered, release })
        .task("echo", echo);
    let worker = start(worker);
    blocked.recv().expect("the transport is polled");
    unwell(&worker, "/health", "control thread does not answer").await;
    unwell(&worker, "/ready", "control thread does not answer").await;
    let (_, status) = get(&worker, "/status").await;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["ready"], false);
    assert_eq!(status["threads"]["control"], Value::Null);
    drop(open);
    well(&worker, "/health").await;
    well(&worker, "/ready").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn handler_threads_that_are_all_blocked_are_a_reason_and_one_is_not() {
    let orchestrator = MemoryOrchestrator::new();
    let (open, gate) = Gate::new();
    let worker = builder(&orchestrator, |s| s.intake.handler_threads = 2);
    let worker = start(worker.data(gate).task("hold", hold));
    well(&worker, "/ready").await;
    orchestrator.submit("hold", &());
    while worker.vitals().await.stuck_handlers() < 1 {}
    assert_eq!(get(&worker, "/ready").await.0, 200, "one is left");
    orchestrator.submit("hold", &());
    unwell(&worker, "/ready", "all 2 handler threads are stuck").await;
    assert_eq!(get(&worker, "/health").await.0, 200, "alive all the same");
    open.send(()).expect("a handler waits");
    well(&worker, "/ready").await;
    drop(open);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn slots_that_never_come_back_are_a_reason() {
    let orchestrator = MemoryOrchestrator::new();
    let (open, gate) = Gate::new();
    let worker = builder(&orchestrator, |settings| {
        settings.intake.max_concurrent_tasks = 1;
        settings.timing.cancel_grace = Duration::from_millis(10);
    });
    let worker = worker.data(gate.clone()).task("hold", blocking(hold_apart));
    let worker = start(worker);
    let id = orchestrator.submit("hold", &());
    // A handler that is called off before it is called leaves its slot at once.
    gate.is_reached().await;
    assert_eq!(get(&worker, "/ready").await.0, 200, "full is no trouble");
    worker.cancel(id.as_str());
    unwell(&worker, "/ready", "all 1 slots are kept by handlers").await;
    drop(open);
    well(&worker, "/ready").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn polls_that_all_fail_are_a_reason_even_if_none_ever_worked() {
    let orchestrator = MemoryOrchestrator::new();
    orchestrator.fail_next(Call::Poll, &unreachable(), 10_000);
    let worker = start(builder(&orchestrator, |settings| {
        settings.timing.request_timeout = Duration::from_millis(200);
    }));
    unwell(&worker, "/ready", "no poll is open at any orchestrator: ").await;
    orchestrator.clear_faults();
    well(&worker, "/ready").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn heartbeats_without_an_answer_are_a_reason() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(builder(&orchestrator, |settings| {
        settings.timing.heartbeat_interval = Duration::from_millis(20);
        settings.timing.request_timeout = Duration::from_millis(200);
    }));
    orchestrator.called(Call::Heartbeat, 1).await;
    well(&worker, "/ready").await;
    orchestrator.fail_next(Call::Heartbeat, &unreachable(), 10_000);
    unwell(&worker, "/ready", "no orchestrator answers heartbeats").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_result_that_does_not_get_out_is_a_reason_after_a_while() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(builder(&orchestrator, |settings| {
        settings.timing.request_timeout = Duration::from_millis(50);
    }));
    orchestrator.fail_next(Call::Deliver, &unreachable(), 10_000);
    let id = orchestrator.submit("echo", &());
    unwell(&worker, "/ready", "1 results are undelivered, for ").await;
    orchestrator.clear_faults();
    orchestrator.result_of(&id).await;
    well(&worker, "/ready").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn results_that_pile_up_are_a_reason() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(builder(&orchestrator, |settings| {
        settings.timing.poll_backoff_max = Duration::from_secs(1);
    }));
    orchestrator.fail_next(Call::Deliver, &unreachable(), 5_000);
    for _ in 0..2_000 {
        orchestrator.submit("echo", &());
    }
    unwell(&worker, "/ready", " results have to go out first").await;
    assert!(worker.status().held && orchestrator.queued() > 0);
    orchestrator.clear_faults();
    orchestrator.results(2_000).await;
    well(&worker, "/ready").await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_drain_is_a_reason_and_the_only_one() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(builder(&orchestrator, |_| {}));
    let id = orchestrator.submit("waits", &());
    until("it runs", || !worker.status().tasks.is_empty()).await;
    worker.begin_shutdown();
    let reasons = unwell(&worker, "/ready", "shutting down").await;
    assert_eq!(reasons, ["shutting down"]);
    assert_eq!(get(&worker, "/health").await.0, 200, "alive to its end");
    worker.cancel(id.as_str());
    assert!(worker.wait().await.is_clean());
}
