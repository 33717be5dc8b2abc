//! The end of the worker: no new tasks, the running ones finish, their results go
//! out, the orchestrators hear of it, and then everything stops.

mod drain;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::capacity::CapacityTracker;
use super::commands::CloseChannel;
use super::courier::{Courier, GetUnsent};
use super::heartbeat::{HeartbeatActor, OverrideAvailability, TakeReport};
use super::hot_cache::HotCacheActor;
use super::journal::JournalHandle;
use super::poller::{GetOpenPolls, Poller, SetIntake};
use super::pool::{Announce, ClosePolls, DropPolls, OrchestratorPool};
use super::supervisor::{AbandonAll, GetRunning, InterruptAll, TaskSupervisor};
use crate::models::OpenModels;
use crate::status::StatusBoard;
use crate::storage::FilesRoot;
use crate::transport::Availability;
use crate::worker::DrainReport;
pub(crate) use drain::DrainLimits;
use drain::{Drain, DrainStep, Pending};

/// How often a drain looks whether something has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often the conductor looks whether all actors are there.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How long the last heartbeat may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the command channels may take to close.
const CLOSING: Duration = Duration::from_secs(3);

/// How long called-off transfers, the folders of the last tasks and models may take to go.
const CLEARING_UP: Duration = Duration::from_secs(5);

/// End the worker. Later ones than the first change nothing.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

/// It is over with every orchestrator, and with so many of them not in order. The worker
/// ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct AllOver {
    pub(crate) given_up: usize,
}

/// All is over but what handlers keep.
#[derive(Debug, Clone)]
pub(crate) struct Drained {
    pub(crate) report: DrainReport,
    /// When everything has to be over.
    pub(crate) ends_at: Instant,
}

/// The actors of a worker.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) capacity: Addr<CapacityTracker>,
    pub(crate) hot_cache: Addr<HotCacheActor>,
    pub(crate) poller: Addr<Poller>,
    pub(crate) pool: Addr<OrchestratorPool>,
    pub(crate) heartbeat: Addr<HeartbeatActor>,
    pub(crate) supervisor: Addr<TaskSupervisor>,
    pub(crate) courier: Addr<Courier>,
    pub(crate) journal: Option<JournalHandle>,
}

/// Conducts the end.
pub(crate) struct Conductor {
    parts: Parts,
    channels: Vec<Recipient<CloseChannel>>,
    files: FilesRoot,
    models: OpenModels,
    limits: DrainLimits,
    board: Arc<StatusBoard>,
    ended: watch::Sender<Option<Drained>>,
    draining: bool,
    given_up: usize,
    crashed: bool,
}

impl Conductor {
    /// `ended` is filled when all is over.
    pub(crate) fn new(
        parts: Parts,
        channels: Vec<Recipient<CloseChannel>>,
        files: FilesRoot,
        models: OpenModels,
        limits: DrainLimits,
        board: Arc<StatusBoard>,
        ended: watch::Sender<Option<Drained>>,
    ) -> Self {
        Self {
            parts,
            channels,
            files,
            models,
            limits,
            board,
            ended,
            draining: false,
            given_up: 0,
            crashed: false,
        }
    }
}

impl Actor for Conductor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(CHECK_EVERY, |conductor, ctx| {
            if let Some(part) = conductor.parts.missing()
                && !conductor.draining
            {
                error!(part, "a part of the worker has panicked: ending");
                conductor.crashed = true;
                conductor.handle(Shutdown, ctx);
            }
        });
    }
}

impl Handler<AllOver> for Conductor {
    type Result = ();

    fn handle(&mut self, AllOver { given_up }: AllOver, ctx: &mut Self::Context) {
        self.given_up = given_up;
        self.handle(Shutdown, ctx);
    }
}

impl Handler<Shutdown> for Conductor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        info!("shutting down");
        self.board.set_draining();
        let drain = Drain::begin(self.limits.clone(), Instant::now());
        let (parts, ended, board) = (self.parts.clone(), self.ended.clone(), self.board.clone());
        let (channels, files) = (self.channels.clone(), self.files.clone());
        let models = self.models.clone();
        let crashed = self.crashed;
        let (given_up, ends_at) = (self.given_up, drain.ends_at());
        actix_rt::spawn(async move {
            let draining = AssertUnwindSafe(parts.drain(drain, &board)).catch_unwind();
            let mut report = draining.await.unwrap_or_else(|_| DrainReport::crashed());
            report.given_up = given_up;
            report.crashed |= crashed;
            // Last, for a cancel may come until then.
            let closing = join_all(channels.iter().map(|channel| channel.send(CloseChannel)));
            let _ = tokio::time::timeout(CLOSING.min(left(ends_at) / 2), closing).await;
            let within = CLEARING_UP.min(left(ends_at).mul_f64(0.75));
            let files = tokio::time::timeout(within, files.close(within));
            let _ = tokio::join!(files, models.close(within));
            info!(
                done = report.done,
                interrupted = report.interrupted,
                stuck = report.stuck,
                unsent = report.unsent,
                kept = report.kept,
                lost = report.lost,
                "shut down"
            );
            board.ended();
            ended.send_replace(Some(Drained { report, ends_at }));
        });
    }
}

/// The time until then.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl Parts {
    /// The name of an actor that is gone. None ends before the worker does, unless it panics.
    fn missing(&self) -> Option<&'static str> {
        [
            ("capacity", self.capacity.connected()),
            ("hot cache", self.hot_cache.connected()),
            ("poller", self.poller.connected()),
            ("orchestrators", self.pool.connected()),
            ("heartbeat", self.heartbeat.connected()),
            ("supervisor", self.supervisor.connected()),
            ("courier", self.courier.connected()),
        ]
        .into_iter()
        .find_map(|(name, is_there)| (!is_there).then_some(name))
    }

    async fn drain(&self, mut drain: Drain, board: &StatusBoard) -> DrainReport {
        let mut report = DrainReport::default();
        let ends_at = drain.ends_at();
        let before = board.ended_tasks();
        let lost_before = board.read().totals.lost;
        if let Some(journal) = &self.journal {
            // Whatever ends the process now, the tasks that run have not.
            journal.ending();
        }
        self.poller.do_send(SetIntake(false));
        self.pool.do_send(DropPolls::Harmless);
        let announcing = self.clone().announce(Availability::Draining);
        let mut heard = Some(actix_rt::spawn(announcing));
        loop {
            if let Some(lag) = heard.as_mut().and_then(FutureExt::now_or_never) {
                heard = None;
                drain.announced(Instant::now(), lag.unwrap_or_default());
            }
            let now = Instant::now();
            let pending = self.pending().await;
            match drain.step(now, pending) {
                DrainStep::Wait(until) => {
                    tokio::time::sleep_until(until.min(now + LOOK_EVERY)).await;
                }
                DrainStep::DropPolls => self.pool.do_send(DropPolls::All),
                DrainStep::CancelTasks => {
                    warn!(
                        tasks = pending.tasks,
                        "time is up, calling off the running tasks"
                    );
                    report.interrupted = pending.tasks;
                    self.supervisor.do_send(InterruptAll);
                }
                DrainStep::AbandonTasks => {
                    report.stuck = self.supervisor.send(AbandonAll).await.unwrap_or(0);
                }
                DrainStep::End => {
                    report.unsent = pending.results;
                    break;
                }
            }
        }
        report.done = (board.ended_tasks() - before).saturating_sub(report.interrupted);
        report.lost = usize::try_from(board.read().totals.lost - lost_before).unwrap_or(usize::MAX);
        let farewell = self.clone().announce(Availability::Offline);
        let _ = tokio::time::timeout(FAREWELL.min(left(ends_at) / 3), farewell).await;
        let _ = self.pool.send(ClosePolls).await;
        if let Some(journal) = &self.journal {
            report.kept = journal.close(left(ends_at) / 2).await;
        }
        report
    }

    /// Tells every orchestrator the state, with this word for it, from now on. Returns
    /// for how long they may go by what they knew before.
    async fn announce(self, availability: Availability) -> Duration {
        let _ = self
            .heartbeat
            .send(OverrideAvailability(Some(availability)))
            .await;
        match self.heartbeat.send(TakeReport).await {
            Ok(Some(report)) => self.pool.send(Announce(report)).await.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    async fn pending(&self) -> Pending {
        Pending {
            polls: self.poller.send(GetOpenPolls).await.unwrap_or(0),
            tasks: self
                .supervisor
                .send(GetRunning)
                .await
                .map_or(0, |tasks| tasks.len()),
            results: self.courier.send(GetUnsent).await.unwrap_or(0),
        }
    }
}
