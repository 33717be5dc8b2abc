//! Puts the actors together and starts them on the control thread.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix::prelude::*;
use tokio::sync::watch;

use super::handle::{DrainReport, WorkerHandle};
use crate::actors::{
    CapacityTracker, Conductor, Courier, HeartbeatActor, HostHandle, HotCacheActor, Neighbours,
    OrchestratorPool, Parts, Placement, Poller, SessionSettings, Sources, SupervisorNeighbours,
    TaskHost, TaskSupervisor,
};
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::handler::{BlockingPool, BlockingThreads, Registry, SharedData};
use crate::id::OrchestratorId;
use crate::policy::{Candidate, DrainLimits, Outbox, PollScale, Selection, Slots};
use crate::status::StatusBoard;
use crate::storage::FilesRoot;
use crate::task::Services;
use crate::transport::Transport;

/// Everything that a worker is made of.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) data: SharedData,
    pub(crate) skill_dependencies: BTreeMap<String, Vec<String>>,
    pub(crate) links: Vec<Link>,
    pub(crate) selection: Box<dyn Selection>,
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
        skill_dependencies,
        links,
        selection,
    } = plan;
    let board = Arc::new(StatusBoard::default());
    let sessions = sessions(links);
    let least_polls = selection.least_polls(&candidates(&sessions));

    // Everybody's address first: they all know one another.
    let capacity_ctx = Context::<CapacityTracker>::new();
    let poller_ctx = Context::<Poller>::new();
    let heartbeat_ctx = Context::<HeartbeatActor>::new();
    let pool_ctx = Context::<OrchestratorPool>::new();
    let supervisor_ctx = Context::<TaskSupervisor>::new();
    let courier_ctx = Context::<Courier>::new();
    let parts = Parts {
        poller: poller_ctx.address(),
        pool: pool_ctx.address(),
        heartbeat: heartbeat_ctx.address(),
        supervisor: supervisor_ctx.address(),
        courier: courier_ctx.address(),
    };
    let capacity = capacity_ctx.address();
    let changed = parts.heartbeat.clone();
    let hot_cache = HotCacheActor::new(skill_dependencies, changed.clone().recipient()).start();

    let intake = &settings.intake;
    let threads = match intake.blocking_threads {
        0 => intake.max_concurrent_tasks,
        threads => threads,
    };
    let (blocking, pool) = BlockingPool::start(threads).map_err(Error::Thread)?;
    let timing = &settings.timing;
    let hosts = hosts(
        intake.handler_threads,
        &pool,
        timing.cancel_grace,
        &parts.supervisor,
    );

    let slots = Slots::new(
        intake.max_concurrent_tasks,
        &intake.task_type_limits,
        intake.parking_lot,
        registry.entries(),
    );
    capacity_ctx.run(CapacityTracker::new(
        slots,
        parts.poller.clone().recipient(),
        parts.supervisor.clone().recipient(),
        changed.clone().recipient(),
    ));
    poller_ctx.run(Poller::new(
        PollScale::new(least_polls, intake.max_open_polls),
        timing.idle_poll_delay,
        capacity.clone().recipient(),
        parts.pool.clone().recipient(),
        parts.supervisor.clone().recipient(),
    ));
    let sources = Sources {
        capacity: capacity.clone().recipient(),
        supervisor: parts.supervisor.clone().recipient(),
        hot_cache: hot_cache.clone().recipient(),
    };
    heartbeat_ctx.run(HeartbeatActor::new(
        timing.heartbeat_debounce,
        timing.heartbeat_interval,
        sources,
        parts.pool.clone().recipient(),
    ));
    let neighbours = SupervisorNeighbours {
        capacity: capacity.clone().recipient(),
        withdraw: capacity.clone().recipient(),
        courier: parts.courier.clone().recipient(),
        heartbeat: changed.recipient(),
    };
    let services = Arc::new(Services {
        data,
        progress: parts.pool.clone().recipient(),
        hot_cache: hot_cache.recipient(),
        board: board.clone(),
    });
    supervisor_ctx.run(TaskSupervisor::new(
        registry,
        services,
        FilesRoot::new(&settings.storage.task_files_dir),
        Placement::new(hosts),
        timing.cancel_grace,
        neighbours,
    ));
    let outbox = Outbox::new(
        sessions.len(),
        settings.results.max_retries,
        settings.results.retry_initial_delay,
        timing.rate_limit_floor,
    );
    courier_ctx.run(Courier::new(
        outbox,
        parts.pool.clone().recipient(),
        board.clone(),
    ));
    let neighbours = Neighbours {
        poller: parts.poller.clone().recipient(),
        ready: parts.poller.clone().recipient(),
        heartbeat: parts.heartbeat.clone().recipient(),
        courier: parts.courier.clone().recipient(),
        recovered: parts.courier.clone().recipient(),
        supervisor: parts.supervisor.clone().recipient(),
    };
    // Last: it begins by registering.
    pool_ctx.run(OrchestratorPool::new(
        sessions,
        selection,
        timing,
        card,
        neighbours,
        board.clone(),
    ));

    let (sender, ended) = watch::channel(None);
    let limits = drain_limits(&settings);
    let conductor = Conductor::new(parts.clone(), limits, board.clone(), sender).start();
    let handle = WorkerHandle::new(
        settings.worker_id.clone(),
        conductor,
        &parts,
        capacity,
        board,
        ended.clone(),
    );
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
        let (server, address) = crate::health::serve(listener, self.handle())?;
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

fn candidates(sessions: &[SessionSettings]) -> Vec<Candidate> {
    let candidate = |session: &SessionSettings| Candidate {
        id: session.id,
        priority: session.priority,
        weight: session.weight,
        ready: false,
        open_polls: 0,
    };
    sessions.iter().map(candidate).collect()
}

/// The handler threads; with none asked for, handlers run on this one.
fn hosts(
    threads: usize,
    pool: &BlockingPool,
    grace: std::time::Duration,
    supervisor: &Addr<TaskSupervisor>,
) -> Vec<HostHandle> {
    let host = |arbiter: Option<&ArbiterHandle>| {
        let started = Arc::new(AtomicUsize::new(0));
        let (pool, counter) = (pool.clone(), started.clone());
        let news = supervisor.clone().recipient();
        let host = match arbiter {
            Some(arbiter) => TaskHost::start_in_arbiter(arbiter, move |_| {
                TaskHost::new(grace, pool, counter, news)
            }),
            None => TaskHost::new(grace, pool, counter, news).start(),
        };
        HostHandle {
            host: host.recipient(),
            started,
        }
    };
    if threads == 0 {
        return vec![host(None)];
    }
    (0..threads)
        .map(|_| host(Some(&Arbiter::new().handle())))
        .collect()
}

fn drain_limits(settings: &Settings) -> DrainLimits {
    let timing = &settings.timing;
    DrainLimits {
        poll_hold: timing.poll_timeout,
        poll_wait: timing.drain_poll_wait,
        tasks: timing.shutdown_timeout,
        grace: timing.cancel_grace + std::time::Duration::from_secs(1),
        results: timing.drain_results_wait,
    }
}
