//! Starts a worker's actors on the control thread, and ends them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::contexts::Contexts;
use super::handle::{DrainReport, WorkerHandle};
use super::journal::Opened;
use super::wiring::{self, Wiring};
use crate::actors::{CommandHandlers, Drained, Redeliver, SessionSettings};
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::handler::{BlockingPool, BlockingThreads, Registry, SharedData};
use crate::id::{OrchestratorId, TaskId};
use crate::models::AnyModels;
use crate::ready_check::ReadyCheck;
use crate::selection::{Candidate, Selection};
use crate::slot_policy::Policies;
use crate::status::StatusBoard;
use crate::storage::{FilesRoot, Owner, Transfers};
use crate::task::{Outcome, TaskResult};
use crate::transport::Transport;
use crate::usage::UsageSource;

/// How long the handlers may take to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// Everything that a worker is made of.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) data: SharedData,
    pub(crate) models: Vec<Arc<dyn AnyModels>>,
    pub(crate) policies: Policies,
    pub(crate) skill_dependencies: BTreeMap<String, Vec<String>>,
    pub(crate) ready_checks: Vec<ReadyCheck>,
    pub(crate) commands: CommandHandlers,
    pub(crate) links: Vec<Link>,
    pub(crate) selection: Box<dyn Selection>,
    pub(crate) transfers: Option<Transfers>,
    pub(crate) usage: Option<Box<dyn UsageSource>>,
    /// Whether there are metrics.
    pub(crate) counts: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// One orchestrator and how its transport is made, on the control thread.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) priority: i64,
    pub(crate) weight: u32,
    pub(crate) make: MakeTransport,
}

type MakeTransport = Box<dyn FnOnce(OrchestratorId) -> Rc<dyn Transport> + Send>;

/// A worker that runs, seen from its control thread.
pub(crate) struct Running {
    handle: WorkerHandle,
    ended: watch::Receiver<Option<DrainReport>>,
    /// Dropped with this.
    _blocking: BlockingThreads,
    #[cfg(feature = "health")]
    health: Option<actix_web::dev::ServerHandle>,
}

/// Starts all actors on this thread and the handler threads beside it. Needs an
/// actix `System`.
pub(crate) async fn start(plan: Plan) -> Result<Running> {
    let card = Arc::new(super::card::card(&plan).await);
    let Plan {
        settings,
        registry,
        data,
        models,
        policies,
        skill_dependencies,
        ready_checks,
        commands,
        links,
        selection,
        transfers,
        usage,
        counts,
    } = plan;
    let sessions = sessions(links);
    let (blocking, pool) =
        BlockingPool::start(wiring::blocking_threads(&settings.intake)).map_err(Error::Thread)?;

    let names: Vec<_> = sessions.iter().map(|s| s.name.as_str()).collect();
    let mut journal = Opened::open(&settings, &names)?;
    let owner = Owner {
        worker: settings.worker_id.to_string(),
        host: super::card::hostname(),
    };
    let undelivered = with_files(&journal.recovered);
    let folder = &settings.storage.task_files_dir;
    let mut board = StatusBoard::new(names, registry.names(), counts);
    board.meters.watch(transfers.as_ref());
    let moving = transfers.clone();
    let (files, kept) = FilesRoot::start(folder, owner, transfers, &undelivered);

    // Everybody's address first: they all know one another.
    let (contexts, mut parts) = Contexts::new();
    let board = Arc::new(board);
    parts.journal = journal.start(&Wiring {
        settings: &settings,
        parts: &parts,
        board: Arc::clone(&board),
    });
    let wiring = Wiring {
        settings: &settings,
        parts: &parts,
        board,
    };
    let least_polls = selection.least_polls(&candidates(&sessions));
    let (queue, pings) = wiring.hosts(&pool);
    let channels = wiring.channels(&sessions, commands, data.clone());
    contexts.hot_cache.run(wiring.hot_cache(skill_dependencies));
    let models = wiring.models(models).map_err(Error::Thread)?;
    let queues = registry.queue_entries();
    let parking = parking_lot(&settings, least_polls, &sessions);
    let capacity = wiring.capacity(registry.entries(), queues, policies, parking);
    contexts.capacity.run(capacity.map_err(Error::Thread)?);
    // Before the poller begins, so that it finds itself held back.
    contexts.courier.run(wiring.courier(sessions.len()));
    let polls_left = polls_left(&sessions, journal.polls_left);
    parts.courier.do_send(Redeliver {
        results: journal.recovered,
        files: kept,
        polls_left,
    });
    // The same.
    wiring
        .health_gate(&files, ready_checks, moving.is_some(), polls_left)
        .await?;
    registry.begin(&settings.worker_id);
    let handlers = registry.clone();
    contexts.poller.run(wiring.poller(least_polls));
    contexts.heartbeat.run(wiring.heartbeat(usage));
    contexts
        .supervisor
        .run(wiring.supervisor(registry, data, files.clone(), queue));
    let (sender, drained) = watch::channel(None);
    let conductor = contexts
        .conductor
        .run(wiring.conductor(sender, &channels, files, models));
    // Last: it begins by registering.
    contexts
        .pool
        .run(wiring.pool(sessions, selection, card, &channels, &conductor));

    let (sender, ended) = watch::channel(None);
    actix_rt::spawn(end_handlers(handlers, drained, sender));

    let board = wiring.board;
    let handle = WorkerHandle::new(
        &settings,
        conductor,
        parts,
        pings.into(),
        board,
        ended.clone(),
    )
    .with_transfers(moving);
    #[cfg(feature = "otlp")]
    crate::otlp::watch(handle.clone(), &settings);
    Ok(Running {
        handle,
        ended,
        _blocking: blocking,
        #[cfg(feature = "health")]
        health: None,
    })
}

impl Running {
    pub(crate) fn handle(&self) -> WorkerHandle {
        self.handle.clone()
    }

    /// Serves health on a socket that is already bound.
    #[cfg(feature = "health")]
    pub(crate) fn with_health(mut self, listener: std::net::TcpListener) -> Result<Self> {
        let (server, address) = crate::web::serve(listener, self.handle())?;
        self.handle.set_health_address(address);
        self.health = Some(server);
        Ok(self)
    }

    /// Waits for the end. Threads that are stuck in user code are left behind.
    pub(crate) async fn until_ended_locally(mut self) {
        let _ = self.ended.wait_for(Option::is_some).await;
        #[cfg(feature = "health")]
        if let Some(server) = self.health.take() {
            server.stop(false).await;
        }
    }

    /// Waits for the end and ends the system of this thread, handler threads included.
    pub(crate) async fn until_ended(self) {
        self.until_ended_locally().await;
        if let Some(system) = System::try_current() {
            system.stop();
        }
        // The system's own task passes the stop on to the handler threads.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

/// Stops the handlers when the worker has ended, and passes its report on.
async fn end_handlers(
    handlers: Registry,
    mut drained: watch::Receiver<Option<Drained>>,
    ended: watch::Sender<Option<DrainReport>>,
) {
    let Ok(drained) = drained.wait_for(Option::is_some).await.map(|it| it.clone()) else {
        return;
    };
    if let Some(Drained { report, ends_at }) = drained {
        let left = ends_at.saturating_duration_since(Instant::now());
        handlers.end(STOPPING.min(left)).await;
        ended.send_replace(Some(report));
    }
}

fn sessions(links: Vec<Link>) -> Vec<SessionSettings> {
    let session = |(place, link): (usize, Link)| {
        let id = OrchestratorId(place);
        let Link {
            name,
            priority,
            weight,
            make,
        } = link;
        SessionSettings {
            id,
            name,
            priority,
            weight,
            transport: make(id),
        }
    };
    links.into_iter().enumerate().map(session).collect()
}

/// The tasks of results that may name files. Failures, such as those of tasks that a kill
/// interrupted, name none.
fn with_files(results: &[TaskResult]) -> Vec<TaskId> {
    let completed = |result: &&TaskResult| matches!(result.outcome, Outcome::Completed(_));
    let results = results.iter().filter(completed);
    results.map(|result| result.task_id.clone()).collect()
}

/// How many tasks may wait for a slot of their type. Each orchestrator that is polled has
/// room for one, and what comes by itself needs room anyway.
fn parking_lot(settings: &Settings, least_polls: usize, sessions: &[SessionSettings]) -> usize {
    let pushed = sessions.iter().map(|it| it.transport.pushes()).sum();
    settings.intake.parking_lot.max(least_polls).max(pushed)
}

/// For how long polls of the process before may be held, if they can be held at all.
fn polls_left(sessions: &[SessionSettings], left: Duration) -> Duration {
    let mut holding = sessions
        .iter()
        .filter(|it| !it.transport.poll_is_cancel_safe());
    holding.next().map_or(Duration::ZERO, |_| left)
}

fn candidates(sessions: &[SessionSettings]) -> Vec<Candidate> {
    let candidate = |session: &SessionSettings| Candidate {
        id: session.id,
        priority: session.priority,
        weight: session.weight,
        ready: false,
        working: true,
        flowing: false,
        open_polls: 0,
    };
    sessions.iter().map(candidate).collect()
}
