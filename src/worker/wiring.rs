//! Which actor gets what, and knows whom.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::{MessageResponse, ToEnvelope};
use actix::prelude::*;
use tokio::sync::watch;
use tracing::warn;

use crate::actors::{
    CapacityTracker, CommandDesk, CommandHandlers, CommandHost, Conductor, Courier, Drained,
    GateSources, HealthGate, HeartbeatActor, HotCacheActor, Neighbours, OrchestratorPool, Parts,
    Poller, Prober, QueuedTask, Runner, SessionSettings, Sources, SupervisorNeighbours, TaskHost,
    TaskQueue, TaskSupervisor, WsCommandActor,
};
use crate::actors::{DrainLimits, Outbox, PollScale, Slots};
use crate::config::{Intake, Settings};
use crate::error::{Error, Result};
use crate::handler::{BlockingPool, Registry, SharedData};
use crate::models::{AnyModels, OpenModels};
use crate::ready_check::ReadyCheck;
use crate::selection::Selection;
use crate::slot_policy::Policies;
use crate::status::{Ping, StatusBoard};
use crate::storage::FilesRoot;
use crate::task::Services;
use crate::transport::{TaskEntry, WorkerCard};
use crate::usage::{Gauge, UsageSource};

/// An actor, as the receiver of one kind of message.
fn to<A, M>(actor: &Addr<A>) -> Recipient<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send + MessageResponse<A, M>,
    A::Context: ToEnvelope<A, M>,
{
    actor.clone().recipient()
}

/// The threads that blocking handlers may take.
pub(super) fn blocking_threads(intake: &Intake) -> usize {
    match intake.blocking_threads {
        0 => intake.max_concurrent_tasks,
        threads => threads,
    }
}

/// Makes the actors out of the settings and one another's addresses.
pub(super) struct Wiring<'a> {
    pub(super) settings: &'a Settings,
    pub(super) parts: &'a Parts,
    pub(super) board: Arc<StatusBoard>,
}

impl Wiring<'_> {
    pub(super) fn hot_cache(&self, needs: BTreeMap<String, Vec<String>>) -> HotCacheActor {
        HotCacheActor::new(needs, to(&self.parts.heartbeat), self.board.clone())
    }

    pub(super) fn capacity(
        &self,
        entries: Vec<TaskEntry>,
        queues: Vec<TaskEntry>,
        policies: Policies,
        parking_lot: usize,
    ) -> io::Result<CapacityTracker> {
        let intake = &self.settings.intake;
        let slots = Slots::new(
            intake.max_concurrent_tasks,
            &intake.task_type_limits,
            parking_lot,
            entries,
        )
        .with_queues(queues);
        let beside = intake.handler_threads > 0;
        CapacityTracker::new(
            slots,
            to(&self.parts.poller),
            to(&self.parts.supervisor),
            to(&self.parts.heartbeat),
            self.board.clone(),
        )
        .with_policies(policies, beside, &self.parts.capacity)
    }

    /// Opens the models, and says how they are closed again.
    pub(super) fn models(&self, models: Vec<Arc<dyn AnyModels>>) -> io::Result<OpenModels> {
        let here = self.settings.intake.handler_threads == 0;
        OpenModels::open(models, &to(&self.parts.hot_cache), here)
    }

    pub(super) fn poller(&self, least_polls: usize) -> Poller {
        Poller::new(
            PollScale::new(least_polls, self.settings.intake.max_open_polls),
            self.settings.timing.idle_poll_delay,
            to(&self.parts.capacity),
            to(&self.parts.pool),
            to(&self.parts.supervisor),
            self.board.clone(),
        )
    }

    pub(super) fn heartbeat(&self, usage: Option<Box<dyn UsageSource>>) -> HeartbeatActor {
        let timing = &self.settings.timing;
        let gauge = match usage {
            None => Gauge::None,
            Some(source) if self.settings.intake.handler_threads == 0 => Gauge::here(source),
            Some(source) => Gauge::beside(source),
        };
        let sources = Sources {
            capacity: to(&self.parts.capacity),
            supervisor: to(&self.parts.supervisor),
            hot_cache: to(&self.parts.hot_cache),
            gauge,
        };
        HeartbeatActor::new(
            timing.heartbeat_debounce,
            timing.heartbeat_interval,
            sources,
            to(&self.parts.pool),
        )
    }

    pub(super) fn supervisor(
        &self,
        registry: Registry,
        data: SharedData,
        files: FilesRoot,
        queue: TaskQueue<QueuedTask>,
    ) -> TaskSupervisor {
        let services = Services {
            data,
            tell: to(&self.parts.pool),
            call_skill: to(&self.parts.pool),
            strict_events: self.settings.strict_event_validation,
            hot_cache: to(&self.parts.hot_cache),
            board: self.board.clone(),
        };
        let neighbours = SupervisorNeighbours {
            capacity: to(&self.parts.capacity),
            withdraw: to(&self.parts.capacity),
            results: to(&self.parts.courier),
            heartbeat: to(&self.parts.heartbeat),
            journal: self.parts.journal.clone(),
        };
        TaskSupervisor::new(
            registry,
            Arc::new(services),
            files,
            queue,
            self.settings.timing.cancel_grace,
            neighbours,
        )
    }

    pub(super) fn courier(&self, lanes: usize) -> Courier {
        let outbox = Outbox::new(
            lanes,
            self.settings.results.max_retries,
            self.settings.results.retry_initial_delay,
            self.settings.timing.rate_limit_floor,
            self.settings.results.ambiguous,
        );
        Courier::new(
            outbox,
            to(&self.parts.pool),
            to(&self.parts.pool),
            to(&self.parts.poller),
            self.parts.journal.clone(),
            self.settings.results.max_bytes,
            self.board.clone(),
        )
    }

    /// Looks at the worker's resources and keeps looking; asks the checks of the user.
    pub(super) async fn health_gate(
        &self,
        files: &FilesRoot,
        checks: Vec<ReadyCheck>,
        has_storage: bool,
        polls_left: Duration,
    ) -> Result<()> {
        let sources = GateSources {
            prober: Prober::new(self.settings, self.parts.journal.is_some()),
            // Those of the storage come and go through task folders.
            needs_files: has_storage,
            failures: files.watch_failures(),
            checks,
            polls_left,
            beside: self.settings.intake.handler_threads > 0,
        };
        let (poller, heartbeat) = (to(&self.parts.poller), to(&self.parts.heartbeat));
        HealthGate::start_after_a_look(sources, poller, heartbeat, self.board.clone())
            .await
            .map_err(Error::Thread)
    }

    /// On a thread of its own, unless everything shares one.
    #[cfg(feature = "journal")]
    pub(super) fn journal_keeper(
        &self,
        journal: crate::storage::journal::Journal,
        names: Vec<Arc<str>>,
    ) -> crate::actors::JournalHandle {
        use crate::actors::{JournalHandle, JournalKeeper};

        let (supervisor, poller) = (to(&self.parts.supervisor), to(&self.parts.poller));
        let (sync, board) = (self.settings.journal.sync, self.board.clone());
        let make = move || JournalKeeper::new(journal, sync, names, supervisor, poller, board);
        let keeper = match self.settings.intake.handler_threads {
            0 => make().start(),
            _ => JournalKeeper::start_in_arbiter(&Arbiter::new().handle(), move |_| make()),
        };
        JournalHandle::new(to(&keeper), to(&keeper))
    }

    pub(super) fn pool(
        &self,
        sessions: Vec<SessionSettings>,
        selection: Box<dyn Selection>,
        card: Arc<WorkerCard>,
        channels: &[Option<Addr<WsCommandActor>>],
        conductor: &Addr<Conductor>,
    ) -> OrchestratorPool {
        let neighbours = Neighbours {
            polls: to(&self.parts.poller),
            ready: to(&self.parts.poller),
            sidelined: to(&self.parts.poller),
            heartbeat: to(&self.parts.heartbeat),
            results: to(&self.parts.courier),
            answered: to(&self.parts.courier),
            recovered: to(&self.parts.courier),
            supervisor: to(&self.parts.supervisor),
            conductor: to(conductor),
            journal: self.parts.journal.clone(),
            commands: channels
                .iter()
                .map(|channel| channel.as_ref().map(to))
                .collect(),
        };
        let timing = &self.settings.timing;
        OrchestratorPool::new(
            sessions,
            selection,
            timing,
            card,
            neighbours,
            self.board.clone(),
        )
    }

    /// The command channels, one per orchestrator that may have one.
    pub(super) fn channels(
        &self,
        sessions: &[SessionSettings],
        handlers: CommandHandlers,
        data: SharedData,
    ) -> Vec<Option<Addr<WsCommandActor>>> {
        let wanted = self.settings.enable_websockets;
        if !wanted && !handlers.is_empty() {
            warn!("no commands will come: WORKER_ENABLE_WEBSOCKETS is off");
        }
        let has_one = |s: &SessionSettings| wanted || s.transport.has_own_commands();
        if !sessions.iter().any(has_one) {
            return sessions.iter().map(|_| None).collect();
        }
        let on_this_thread = handlers.is_empty() || self.settings.intake.handler_threads == 0;
        let host = if on_this_thread {
            CommandHost.start()
        } else {
            CommandHost::start_in_arbiter(&Arbiter::new().handle(), |_| CommandHost)
        };
        let desk = CommandDesk::new(handlers, data, host.recipient());
        let channel = |session: &SessionSettings| {
            WsCommandActor::new(
                session.id,
                session.name.clone(),
                session.transport.clone(),
                to(&self.parts.supervisor),
                desk.clone(),
            )
            .start()
        };
        let one = |session: &SessionSettings| has_one(session).then(|| channel(session));
        sessions.iter().map(one).collect()
    }

    pub(super) fn conductor(
        &self,
        ended: watch::Sender<Option<Drained>>,
        channels: &[Option<Addr<WsCommandActor>>],
        files: FilesRoot,
        models: OpenModels,
    ) -> Conductor {
        let settings = self.settings;
        let returns = settings.worker_id_is_fixed || settings.journal_dir().is_some();
        let limits = DrainLimits::of(&settings.timing, returns);
        let channels = channels.iter().flatten().map(to).collect();
        Conductor::new(
            self.parts.clone(),
            channels,
            files,
            models,
            limits,
            self.board.clone(),
            ended,
        )
    }

    /// The handler threads, as the queue that they read, and as those who can be asked
    /// whether they are stuck. With none asked for, handlers run on this one.
    pub(super) fn hosts(
        &self,
        pool: &BlockingPool,
    ) -> (TaskQueue<QueuedTask>, Vec<Recipient<Ping>>) {
        let threads = self.settings.intake.handler_threads;
        let queue = TaskQueue::new(threads.max(1));
        let grace = self.settings.timing.cancel_grace;
        let runner = Runner::new(grace, pool.clone(), to(&self.parts.supervisor))
            .with_last_grace(DrainLimits::handler_grace(&self.settings.timing));
        let host = || {
            let (places, runner) = (queue.places(), runner.clone());
            move || TaskHost::new(places, runner)
        };
        let beside = || {
            let make = host();
            TaskHost::start_in_arbiter(&Arbiter::new().handle(), move |_| make())
        };

        let hosts: Vec<Addr<TaskHost>> = match threads {
            0 => vec![host()().start()],
            threads => (0..threads).map(|_| beside()).collect(),
        };
        let pings = hosts.iter().map(to).collect();
        (queue, pings)
    }
}
