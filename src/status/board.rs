//! The board: written by the actors, read by anybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dashmap::DashMap;

use super::events::Subscribers;
use super::history::{History, Moment};
use super::tasks::Entry;
use super::{CapacityStatus, FailureStatus, LinkBoard, Tally, WorkerEvent, WorkerStatus, lock};
use crate::id::TaskId;
use crate::metrics::Meters;
use crate::task::TaskKey;

/// Written by the actors and, for progress, by handler threads.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    pub(super) tasks: DashMap<TaskKey, Entry>,
    links: Vec<LinkBoard>,
    capacity: Mutex<CapacityStatus>,
    hot: Mutex<Hot>,
    pub(super) failures: Mutex<VecDeque<FailureStatus>>,
    draining: AtomicBool,
    paused: AtomicBool,
    held: AtomicBool,
    /// Why the worker is in no state to take tasks.
    unwell: Mutex<Option<Arc<str>>>,
    journal: Mutex<JournalTrouble>,
    /// Whether a slot is free.
    has_room: AtomicBool,
    /// Since when nothing is in the way of tasks.
    open_since: Mutex<Option<Instant>>,
    pub(super) tally: Tally,
    history: Mutex<History>,
    unsent: AtomicUsize,
    /// When there was nothing undelivered last.
    unsent_since: Mutex<Option<Instant>>,
    abandoned: AtomicUsize,
    left_behind: AtomicUsize,
    pub(super) subscribers: Subscribers,
    pub(crate) meters: Meters,
}

/// What is wrong with the journal.
#[derive(Debug, Clone, Default)]
struct JournalTrouble {
    failure: Option<Arc<str>>,
    is_stalled: bool,
}

impl JournalTrouble {
    fn reason(&self) -> Option<Arc<str>> {
        if self.is_stalled {
            Some("the disk of the journal does not answer".into())
        } else {
            self.failure.clone()
        }
    }
}

/// Models in memory, and skills that are ready at once.
#[derive(Debug, Clone, Default)]
struct Hot {
    models: Arc<[String]>,
    skills: Arc<[String]>,
}

impl StatusBoard {
    /// The board of a worker with these orchestrators and handlers; `counts`: whether
    /// there are metrics.
    pub(crate) fn new<'a>(
        orchestrators: impl IntoIterator<Item = &'a str>,
        tasks: impl IntoIterator<Item = &'a str>,
        counts: bool,
    ) -> Self {
        let meters = Meters::new(tasks, counts);
        let link = |name: &str| LinkBoard::new(name, meters.link(name));
        Self {
            links: orchestrators.into_iter().map(link).collect(),
            meters,
            ..Self::default()
        }
    }

    /// What is known of an orchestrator, by its place.
    pub(crate) fn link(&self, place: usize) -> Option<&LinkBoard> {
        self.links.get(place)
    }

    /// Tasks that have ended since the start, in whatever way.
    pub(crate) fn ended_tasks(&self) -> usize {
        self.tally.ended_tasks()
    }

    pub(crate) fn set_registered(&self, place: usize, registered: bool) {
        let Some(link) = self.link(place) else { return };
        if link.set_registered(registered) {
            let orchestrator = link.name().clone();
            self.subscribers.tell(|| {
                if registered {
                    WorkerEvent::Registered { orchestrator }
                } else {
                    WorkerEvent::Unregistered { orchestrator }
                }
            });
        }
    }

    /// Whether the worker takes no more tasks and waits for those that run.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.subscribers.tell(|| WorkerEvent::Draining);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        if self.paused.swap(paused, Ordering::Relaxed) != paused {
            self.review_opening();
            self.subscribers.tell(|| {
                if paused {
                    WorkerEvent::Paused
                } else {
                    WorkerEvent::Resumed
                }
            });
        }
    }

    /// Whether no tasks are taken for a reason of the worker's own.
    pub(crate) fn set_held(&self, held: bool) {
        if self.held.swap(held, Ordering::Relaxed) != held {
            self.review_opening();
        }
    }

    /// Says why the worker is in no state to take tasks, or that it is well.
    pub(crate) fn set_unwell(&self, reason: Option<Arc<str>>) {
        *lock(&self.unwell) = reason;
        self.review_opening();
    }

    /// Says why the journal cannot be written, or that it can.
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "journals only"))]
    pub(crate) fn set_journal_failure(&self, failure: Option<String>) {
        lock(&self.journal).failure = failure.map(Into::into);
    }

    /// Says whether the disk of the journal does not answer.
    pub(crate) fn set_journal_stalled(&self, is_stalled: bool) {
        lock(&self.journal).is_stalled = is_stalled;
    }

    /// Brings the capacity up to date, in place.
    pub(crate) fn set_capacity(&self, tell: impl FnOnce(&mut CapacityStatus)) {
        let has_room = {
            let mut capacity = lock(&self.capacity);
            tell(&mut capacity);
            capacity.tasks < capacity.limit && capacity.refused.is_none()
        };
        if self.has_room.swap(has_room, Ordering::Relaxed) != has_room {
            self.review_opening();
        }
    }

    /// A heartbeat was answered, or not: keeps the numbers of this moment, for plots.
    pub(crate) fn heart_has_beaten(&self) {
        let at = Instant::now();
        lock(&self.history).keep(at, || Moment {
            at,
            ended: self.ended_tasks(),
            run_time: self.tally.read().run_time,
            latency: self.links.iter().filter_map(LinkBoard::latency).max(),
        });
    }

    /// The numbers of the last heartbeats, oldest first.
    #[cfg(feature = "health")]
    pub(crate) fn history(&self) -> Vec<Moment> {
        lock(&self.history).read(Instant::now())
    }

    /// Something that may be in the way of tasks came or went. Reading under the lock
    /// makes the last of several at once the one that counts.
    fn review_opening(&self) {
        let mut since = lock(&self.open_since);
        let is_open = self.has_room.load(Ordering::Relaxed)
            && !self.paused.load(Ordering::Relaxed)
            && !self.held.load(Ordering::Relaxed)
            && lock(&self.unwell).is_none();
        if is_open != since.is_some() {
            *since = is_open.then(Instant::now);
        }
    }

    pub(crate) fn set_hot(&self, models: Arc<[String]>, skills: Arc<[String]>) {
        *lock(&self.hot) = Hot {
            models: models.clone(),
            skills,
        };
        self.subscribers
            .tell(|| WorkerEvent::HotCacheChanged { models });
    }

    pub(crate) fn set_unsent(&self, count: usize) {
        let before = self.unsent.swap(count, Ordering::Relaxed);
        if (before == 0) != (count == 0) {
            *lock(&self.unsent_since) = (count > 0).then(Instant::now);
        }
    }

    pub(crate) fn set_abandoned(&self, count: usize) {
        self.abandoned.store(count, Ordering::Relaxed);
    }

    /// A thread does not come back from a task that is over, and keeps its slot.
    pub(crate) fn work_left_behind(&self) {
        self.left_behind.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn work_came_back(&self) {
        self.left_behind.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn result_delivered(&self, task_id: &TaskId) {
        self.tally.delivered();
        self.meters.result("delivered");
        let task_id = || task_id.clone();
        self.subscribers
            .tell(|| WorkerEvent::ResultDelivered { task_id: task_id() });
    }

    pub(crate) fn result_put_off(&self) {
        self.meters.result("put_off");
    }

    pub(crate) fn result_lost(&self, task_id: &TaskId) {
        self.tally.lost();
        self.meters.result("lost");
        let task_id = || task_id.clone();
        self.subscribers
            .tell(|| WorkerEvent::ResultLost { task_id: task_id() });
    }

    /// The worker is over: those who listen learn it and hear no more.
    pub(crate) fn ended(&self) {
        self.subscribers.end();
    }

    pub(crate) fn subscribers(&self) -> &Subscribers {
        &self.subscribers
    }

    fn capacity(&self) -> CapacityStatus {
        let mut capacity = lock(&self.capacity).clone();
        capacity.types.sort_by(|a, b| a.name.cmp(&b.name));
        capacity
    }

    pub(crate) fn read(&self) -> WorkerStatus {
        // One moment for all of them, so that they can be put in the order they came in.
        let now = Instant::now();
        let orchestrators: Vec<_> = self.links.iter().map(LinkBoard::read).collect();
        let hot = lock(&self.hot).clone();
        WorkerStatus {
            registered: orchestrators.iter().filter(|it| it.registered).count(),
            orchestrators,
            draining: self.draining.load(Ordering::Relaxed),
            paused: self.paused.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
            unwell: lock(&self.unwell).clone(),
            journal_trouble: lock(&self.journal).reason(),
            open_for: lock(&self.open_since).map(|since| since.elapsed()),
            capacity: self.capacity(),
            tasks: (self.tasks.iter())
                .map(|entry| entry.read(entry.key(), now))
                .collect(),
            hot_cache: hot.models,
            hot_skills: hot.skills,
            totals: self.tally.read(),
            unsent: self.unsent.load(Ordering::Relaxed),
            unsent_for: lock(&self.unsent_since).map(|since| since.elapsed()),
            abandoned: self.abandoned.load(Ordering::Relaxed)
                + self.left_behind.load(Ordering::Relaxed),
            failures: lock(&self.failures).iter().cloned().collect(),
        }
    }
}
