//! A running worker, seen from outside.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::watch;

use crate::actors::{CancelTask, Conductor, DrainLimits, Parts, SetIntake, SetLimits, Shutdown};
use crate::config::Settings;
use crate::id::WorkerId;
use crate::status::{Ping, StatusBoard, Vitals, WorkerEvent, WorkerEvents, WorkerStatus, measure};
use crate::storage::Transfers;
use crate::task::CancelReason;
use crate::transport::CancelTarget;

/// What became of everything when a worker ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Tasks that were finished during the drain.
    pub done: usize,
    /// Tasks that were called off because they took too long to finish.
    pub interrupted: usize,
    /// Of those, the ones whose handler did not stop even then.
    pub stuck: usize,
    /// Results that no orchestrator has acknowledged.
    pub unsent: usize,
    /// Results in the journal, which the next process with the same one delivers.
    pub kept: usize,
    /// Results that nobody would take any more, since the end began.
    pub lost: usize,
    /// Orchestrators that the worker has given up on, and ended therefore.
    pub given_up: usize,
    /// Whether a part of the worker panicked, or the end was not over in its time: what became
    /// of tasks and results is not known.
    pub crashed: bool,
}

impl DrainReport {
    /// Whether nothing is lost, nothing left behind and nobody given up. Results that the journal
    /// keeps are not lost: they go out when the worker starts again.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let nothing_lost = self.lost == 0 && self.unsent <= self.kept;
        self.stuck == 0 && nothing_lost && self.given_up == 0 && !self.crashed
    }
}

impl DrainReport {
    /// That of a worker whose end nobody has conducted.
    pub(crate) fn crashed() -> Self {
        Self {
            crashed: true,
            ..Self::default()
        }
    }
}

impl std::fmt::Display for DrainReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} tasks done, {} interrupted, {} stuck, {} results unsent, {} of them kept",
            self.done, self.interrupted, self.stuck, self.unsent, self.kept
        )?;
        if self.lost > 0 {
            write!(f, ", {} results lost", self.lost)?;
        }
        if self.given_up > 0 {
            write!(f, ", {} orchestrators given up", self.given_up)?;
        }
        if self.crashed {
            write!(f, ", a part of the worker failed")?;
        }
        Ok(())
    }
}

/// A running worker. Cheap to clone, usable from any thread and runtime. The
/// worker goes on when all handles are dropped.
///
/// ```
/// # use axon_worker::transport::memory::MemoryOrchestrator;
/// # use axon_worker::{RawJson, TaskError, Worker, config::Settings};
/// # async fn echo(params: RawJson) -> Result<RawJson, TaskError> { Ok(params) }
/// # #[actix_rt::main]
/// # async fn main() -> axon_worker::Result<()> {
/// # let orchestrator = MemoryOrchestrator::new();
/// # let builder = Worker::builder("test").settings(Settings::default())
/// #     .task("echo", echo).transport("memory", orchestrator.connect());
/// let worker = builder.spawn()?;
///
/// worker.set_max_concurrent_tasks(4);
/// for task in worker.status().tasks {
///     println!("{} has taken {:?} so far", task.name, task.elapsed);
/// }
/// worker.pause();
///
/// let report = worker.shutdown().await;
/// assert_eq!((report.interrupted, report.unsent), (0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WorkerHandle {
    worker_id: WorkerId,
    conductor: Addr<Conductor>,
    parts: Parts,
    hosts: Arc<[Recipient<Ping>]>,
    board: Arc<StatusBoard>,
    transfers: Option<Transfers>,
    budget: Duration,
    ended: watch::Receiver<Option<DrainReport>>,
    health: Arc<OnceLock<SocketAddr>>,
    #[cfg(feature = "health")]
    about: Arc<crate::web::About>,
}

impl WorkerHandle {
    pub(crate) fn new(
        settings: &Settings,
        conductor: Addr<Conductor>,
        parts: Parts,
        hosts: Arc<[Recipient<Ping>]>,
        board: Arc<StatusBoard>,
        ended: watch::Receiver<Option<DrainReport>>,
    ) -> Self {
        Self {
            worker_id: settings.worker_id.clone(),
            conductor,
            parts,
            hosts,
            board,
            transfers: None,
            budget: DrainLimits::of(&settings.timing, true).whole(),
            ended,
            health: Arc::default(),
            #[cfg(feature = "health")]
            about: Arc::new(crate::web::About::new(settings)),
        }
    }

    pub(crate) fn with_transfers(self, transfers: Option<Transfers>) -> Self {
        Self { transfers, ..self }
    }

    /// What moves files from and to the object storage, if there is one: to be told of
    /// transfers ([`Transfers::subscribe`]) and to count them ([`Transfers::counts`]).
    #[must_use]
    pub fn transfers(&self) -> Option<&Transfers> {
        self.transfers.as_ref()
    }

    /// The worker's name.
    #[must_use]
    pub fn worker_id(&self) -> &WorkerId {
        &self.worker_id
    }

    /// What the worker is doing right now.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        self.board.read()
    }

    /// Asks the worker's threads whether they come round to their messages. Takes a
    /// second when one is stuck, and microseconds otherwise.
    pub async fn vitals(&self) -> Vitals {
        measure(&self.parts.poller.clone().recipient(), &self.hosts).await
    }

    /// What happens in the worker from now on.
    ///
    /// ```
    /// # use axon_worker::transport::memory::MemoryOrchestrator;
    /// # use axon_worker::{RawJson, TaskError, Worker, WorkerEvent, config::Settings};
    /// # async fn echo(params: RawJson) -> Result<RawJson, TaskError> { Ok(params) }
    /// # #[actix_rt::main]
    /// # async fn main() -> axon_worker::Result<()> {
    /// # let orchestrator = MemoryOrchestrator::new();
    /// # let builder = Worker::builder("test").settings(Settings::default())
    /// #     .task("echo", echo).transport("memory", orchestrator.connect());
    /// # let worker = builder.spawn()?;
    /// let mut events = worker.events();
    /// # orchestrator.submit("echo", &1);
    /// while let Some(event) = events.next().await {
    ///     if let WorkerEvent::TaskEnded { name, outcome, took, .. } = event {
    ///         println!("{name}: {} after {took:?}", outcome.status());
    /// #       worker.shutdown().await;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> WorkerEvents {
        self.board.subscribers().stream()
    }

    /// Sends what happens in the worker to an actor, for as long as it lives. It has
    /// to keep up: its mailbox is not bounded.
    pub fn subscribe(&self, actor: Recipient<WorkerEvent>) {
        self.board.subscribers().add(actor);
    }

    /// All metrics in the text format of Prometheus (`OpenMetrics` 1.0).
    #[cfg(feature = "metrics")]
    pub async fn metrics(&self) -> String {
        let vitals = self.vitals().await;
        self.board.meters.text(&self.status(), Some(&vitals))
    }

    /// The same in version 0.0.4 of the text format of Prometheus.
    #[cfg(all(feature = "metrics", feature = "health"))]
    pub(crate) async fn plain_metrics(&self) -> String {
        let vitals = self.vitals().await;
        self.board.meters.plain_text(&self.status(), Some(&vitals))
    }

    /// The same without asking the worker's threads, when they are gone.
    #[cfg(feature = "otlp")]
    pub(crate) fn last_metrics(&self) -> String {
        self.board.meters.text(&self.status(), None)
    }

    /// Where the health server listens, if there is one.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health.get().copied()
    }

    #[cfg(feature = "health")]
    pub(crate) fn set_health_address(&self, address: SocketAddr) {
        let _ = self.health.set(address);
    }

    #[cfg(feature = "health")]
    pub(crate) fn history(&self) -> Vec<crate::status::Moment> {
        self.board.history()
    }

    #[cfg(feature = "health")]
    pub(crate) fn about(&self) -> &crate::web::About {
        &self.about
    }

    /// Takes no more tasks; running ones and open polls go on.
    pub fn pause(&self) {
        self.parts.poller.do_send(SetIntake(false));
        self.board.set_paused(true);
    }

    /// Takes tasks again.
    pub fn resume(&self) {
        self.parts.poller.do_send(SetIntake(true));
        self.board.set_paused(false);
    }

    /// Changes the global limit. Lowering it interrupts nothing. At least 1.
    pub fn set_max_concurrent_tasks(&self, limit: usize) {
        self.parts.capacity.do_send(SetLimits {
            limit: Some(limit.max(1)),
            of_type: None,
        });
    }

    /// Changes the limit of a task type. Lowering it interrupts nothing.
    pub fn set_task_type_limit(&self, kind: impl Into<String>, limit: usize) {
        self.parts.capacity.do_send(SetLimits {
            limit: None,
            of_type: Some((kind.into(), limit)),
        });
    }

    /// Calls off a task, named by its id or that of its job. A task that is not
    /// here is none to call off.
    pub fn cancel(&self, id: impl Into<String>) {
        self.parts.supervisor.do_send(CancelTask {
            origin: None,
            target: CancelTarget(id.into()),
            reason: CancelReason::Requested,
        });
    }

    /// Ends the worker cleanly and waits for the end: no new tasks, running ones
    /// finish within `WORKER_SHUTDOWN_TIMEOUT`, results are delivered.
    pub async fn shutdown(&self) -> DrainReport {
        self.begin_shutdown();
        self.wait().await
    }

    /// Begins to end the worker, as [`WorkerHandle::shutdown`] does, and returns at once.
    pub fn begin_shutdown(&self) {
        self.conductor.do_send(Shutdown);
    }

    /// Whether the worker is over.
    #[cfg(any(feature = "health", feature = "otlp"))]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for the end without bringing it about. With the feature `otlp`, what is not
    /// exported yet goes out then.
    pub async fn wait(&self) -> DrainReport {
        let mut ended = self.ended.clone();
        // An error means that the control thread is gone without a report.
        let report = ended
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|report| report.clone());
        #[cfg(feature = "otlp")]
        crate::otlp::flush().await;
        report.unwrap_or_else(DrainReport::crashed)
    }

    /// How long the end may take.
    pub(crate) fn budget(&self) -> Duration {
        self.budget
    }

    /// The report of an end that nobody waits for any more.
    pub(crate) fn report_so_far(&self) -> DrainReport {
        let report = self.ended.borrow().clone();
        report.unwrap_or_else(DrainReport::crashed)
    }

    /// Returns when the control thread has come round to a message, however long that takes.
    pub(crate) async fn control_answers(&self) {
        if self.parts.poller.send(Ping).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl std::fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerHandle")
            .field("worker_id", &self.worker_id)
            .finish_non_exhaustive()
    }
}
