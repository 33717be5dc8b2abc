//! Rate limits as the published orchestrators have them: a counter that every
//! request, also a refused one, keeps alive for another 60 s, so that it only
//! goes back to zero after a minute of silence (avtomatika 1.0b12 and 1.0b30).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::transport::memory::{Call, Memory, MemoryOrchestrator};
use axon_worker::transport::{
    BeatReply, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, TransportError,
    WorkerCard,
};
use axon_worker::{Task, TaskResult};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use crate::support::{Gate, SECOND, start, worker};

/// What one endpoint allows, and what came of it.
#[derive(Debug, Default)]
struct Counter {
    count: usize,
    last: Option<Instant>,
}

/// Accepted and refused requests by kind, and when beats were accepted.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Totals>>);

#[derive(Debug, Default)]
struct Totals {
    calls: HashMap<Call, (usize, usize)>,
    beats: Vec<Instant>,
}

impl Seen {
    fn of(&self, call: Call) -> (usize, usize) {
        let totals = self.0.lock().unwrap();
        totals.calls.get(&call).copied().unwrap_or_default()
    }

    fn longest_gap_of_beats(&self) -> Duration {
        let beats = &self.0.lock().unwrap().beats;
        let gaps = beats.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().expect("more than one beat")
    }
}

/// A memory transport behind the default limits of avtomatika 1.0b12.
#[derive(Debug)]
struct Limited {
    inner: Memory,
    counters: Rc<RefCell<HashMap<Call, Counter>>>,
    seen: Seen,
}

impl Limited {
    fn admit(&self, call: Call) -> Result<(), TransportError> {
        // Heartbeats and probes share one path.
        let key = if call == Call::Probe {
            Call::Heartbeat
        } else {
            call
        };
        let limit = if call == Call::Poll { 60 } else { 100 };
        let now = Instant::now();
        let mut counters = self.counters.borrow_mut();
        let counter = counters.entry(key).or_default();
        if counter.last.is_some_and(|last| now - last >= 60 * SECOND) {
            counter.count = 0;
        }
        counter.count += 1;
        counter.last = Some(now);
        let allowed = counter.count <= limit;
        let mut seen = self.seen.0.lock().unwrap();
        if allowed && call == Call::Heartbeat {
            seen.beats.push(now);
        }
        let totals = seen.calls.entry(call).or_default();
        if allowed {
            totals.0 += 1;
            Ok(())
        } else {
            totals.1 += 1;
            Err(TransportError::RateLimited { retry_after: None })
        }
    }
}

macro_rules! admitted {
    ($self:ident, $call:expr, $request:expr) => {
        match $self.admit($call) {
            Ok(()) => $request,
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    };
}

impl Transport for Limited {
    fn register(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        admitted!(self, Call::Register, self.inner.register(card, report))
    }

    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        admitted!(self, Call::Heartbeat, self.inner.heartbeat(report))
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        admitted!(self, Call::Probe, self.inner.probe())
    }

    fn poll(&self, offer: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        admitted!(self, Call::Poll, self.inner.poll(offer))
    }

    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        admitted!(self, Call::Deliver, self.inner.deliver(result))
    }

    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        self.inner.progress(update)
    }
}

async fn limited_worker(orchestrator: &MemoryOrchestrator, limit: usize) -> (Seen, Arc<Gate>) {
    let (gate, seen, other) = (Gate::closed(), Seen::default(), MemoryOrchestrator::new());
    let (connect, noted) = (orchestrator.connect(), seen.clone());
    // `worker` adds a memory orchestrator of its own; the limited one replaces it.
    let builder = worker(&other, &gate)
        .max_concurrent_tasks(limit)
        .only_transport("limited", move |origin| Limited {
            inner: connect(origin),
            counters: Rc::default(),
            seen: noted,
        });
    start(builder).await;
    (seen, gate)
}

#[actix_rt::test]
async fn an_idle_worker_lives_with_the_default_limits_for_hours() {
    let orchestrator = MemoryOrchestrator::new();
    let (seen, _gate) = limited_worker(&orchestrator, 10).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..24 {
        tokio::time::sleep(900 * SECOND).await;
        let began = Instant::now();
        let id = orchestrator.submit("echo", &());
        orchestrator.result_of(&id).await;
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest <= 70 * SECOND, "a task waited for {slowest:?}");
    let (accepted, refused) = seen.of(Call::Poll);
    assert!(accepted > 600, "{accepted} polls in six hours");
    // One refusal ends each window; a second one would begin it anew.
    assert!(
        refused <= accepted / 60 + 1,
        "{refused} of {accepted} polls refused"
    );
    let (accepted, refused) = seen.of(Call::Heartbeat);
    assert!(
        accepted > 1000 && refused <= accepted / 100 + 1,
        "{refused} of {accepted} beats"
    );
    let gap = seen.longest_gap_of_beats();
    assert!(
        gap < 120 * SECOND,
        "{gap:?} without a beat: the lease would have run out"
    );
}

#[actix_rt::test]
async fn a_busy_worker_gets_all_its_tasks_through_the_default_limits() {
    let orchestrator = MemoryOrchestrator::new();
    let (seen, gate) = limited_worker(&orchestrator, 1).await;
    gate.open(10_000);
    for _ in 0..600 {
        orchestrator.submit("gated", &());
    }
    let began = Instant::now();
    let results = orchestrator.results(600).await;
    assert_eq!(results.len(), 600);
    // 60 polls a window, and a silence of 61 to 65 s between windows.
    assert!(began.elapsed() < 1000 * SECOND, "{:?}", began.elapsed());
    assert_eq!(seen.of(Call::Deliver).0, 600);
    let (accepted, refused) = seen.of(Call::Poll);
    assert!(
        refused <= accepted / 60 + 1,
        "{refused} of {accepted} polls refused"
    );
}

#[actix_rt::test]
async fn a_worker_silenced_while_taken_for_busy_makes_itself_seen() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    orchestrator.submit("gated", &());
    orchestrator
        .report_where(|report| report.available.is_empty())
        .await;
    // From here on no heartbeat gets through for a minute.
    let limited = TransportError::RateLimited { retry_after: None };
    orchestrator.fail_next(Call::Heartbeat, &limited, 1);
    let began = Instant::now();
    gate.open(1);
    orchestrator.called(Call::Register, 2).await;
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_worker_silenced_while_taken_for_idle_keeps_silent() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let limited = TransportError::RateLimited { retry_after: None };
    orchestrator.fail_next(Call::Heartbeat, &limited, 1);
    orchestrator.submit("gated", &());
    orchestrator.called(Call::Heartbeat, 2).await;
    let silent_from = Instant::now();
    gate.open(1);
    orchestrator.called(Call::Heartbeat, 3).await;
    assert!(
        (61..=65).contains(&silent_from.elapsed().as_secs()),
        "{:?}",
        silent_from.elapsed()
    );
    assert_eq!(orchestrator.count(Call::Register), 1);
}
