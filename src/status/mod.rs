//! What the worker is doing right now, to be read from any thread without asking
//! an actor: for the handle, the web pages and whoever embeds the worker.

mod events;
mod links;
mod seconds;
mod totals;
mod vitals;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use dashmap::DashMap;
use serde::Serialize;

pub use events::{WorkerEvent, WorkerEvents};
pub(crate) use links::{Exchange, LinkBoard};
pub use links::{OrchestratorStatus, Trouble};
pub(crate) use totals::Tally;
pub use totals::Totals;
pub(crate) use vitals::Ping;
pub use vitals::Vitals;
pub(crate) use vitals::measure;

use crate::hashed::Hashed;
use crate::id::{JobId, TaskId, TaskName};
use crate::metrics::{Meters, Start};
use crate::task::{Outcome, TaskError, TaskKey};
use events::Subscribers;

/// The most failures that are remembered.
const FAILURES: usize = 20;

/// Written by the actors and, for progress, by handler threads.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    tasks: DashMap<TaskKey, Entry, Hashed>,
    links: Vec<LinkBoard>,
    capacity: Mutex<CapacityStatus>,
    hot: Mutex<Hot>,
    failures: Mutex<VecDeque<FailureStatus>>,
    draining: AtomicBool,
    paused: AtomicBool,
    held: AtomicBool,
    /// Whether a slot is free.
    has_room: AtomicBool,
    /// Since when nothing is in the way of tasks.
    open_since: Mutex<Option<Instant>>,
    tally: Tally,
    unsent: AtomicUsize,
    /// When there was nothing undelivered last.
    unsent_since: Mutex<Option<Instant>>,
    abandoned: AtomicUsize,
    left_behind: AtomicUsize,
    subscribers: Subscribers,
    pub(crate) meters: Meters,
}

/// Models in memory, and skills that are ready at once.
#[derive(Debug, Clone, Default)]
struct Hot {
    models: Arc<[String]>,
    skills: Arc<[String]>,
}

#[derive(Debug)]
struct Entry {
    job_id: JobId,
    name: TaskName,
    since: Instant,
    began: Option<Instant>,
    progress: Option<(f64, String)>,
    meter: Start,
}

/// The state of a worker at one moment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// The orchestrators.
    pub orchestrators: Vec<OrchestratorStatus>,
    /// How many of them the worker is registered with.
    pub registered: usize,
    /// Whether the worker is shutting down.
    pub draining: bool,
    /// Whether it was told to take no tasks, see
    /// [`WorkerHandle::pause`](crate::WorkerHandle::pause).
    pub paused: bool,
    /// Whether it takes no tasks by itself: results of an earlier process go out
    /// first, too many are undelivered, or the journal is full.
    pub held: bool,
    /// How long the worker has been able to take a task: not paused, not held, a slot
    /// free and no slot policy against it. `None` while it is not.
    #[serde(serialize_with = "seconds::maybe")]
    pub open_for: Option<Duration>,
    /// The limits, and what is taken of them.
    pub capacity: CapacityStatus,
    /// The tasks it has.
    pub tasks: Vec<TaskStatus>,
    /// Models in memory, sorted.
    pub hot_cache: Arc<[String]>,
    /// Skills whose models are all in memory.
    pub hot_skills: Arc<[String]>,
    /// Counts since the start.
    #[serde(flatten)]
    pub totals: Totals,
    /// Results on their way.
    pub unsent: usize,
    /// How long there have been results on their way without a pause.
    #[serde(serialize_with = "seconds::maybe")]
    pub unsent_for: Option<Duration>,
    /// Tasks that were reported as ended although their handler still runs.
    pub abandoned: usize,
    /// The last failures, newest first.
    pub failures: Vec<FailureStatus>,
}

/// A task the worker has.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The task.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// Its handler.
    pub name: TaskName,
    /// How long the worker has had it.
    #[serde(serialize_with = "seconds::one")]
    pub elapsed: Duration,
    /// Whether a handler has it; otherwise it waits for a slot of its type.
    pub running: bool,
    /// What the handler last reported: from 0.0 to 1.0, and a text.
    pub progress: Option<(f64, String)>,
}

/// The limits of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CapacityStatus {
    /// The most tasks at once.
    pub limit: usize,
    /// Tasks that it has.
    pub tasks: usize,
    /// Slots that are kept for open polls.
    pub polls: usize,
    /// The types that have a limit.
    pub types: Vec<TypeStatus>,
    /// Tasks that wait for a slot of their type.
    pub parked: usize,
    /// Why a [slot policy](crate::slot_policy) wants no tasks now, if it does not.
    pub refused: Option<Arc<str>>,
}

/// The limit of one type of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TypeStatus {
    /// The type.
    pub name: Arc<str>,
    /// The most tasks of this type at once.
    pub limit: usize,
    /// Tasks of this type that run.
    pub running: usize,
}

impl TypeStatus {
    pub(crate) fn new(name: Arc<str>, limit: usize, running: usize) -> Self {
        Self {
            name,
            limit,
            running,
        }
    }
}

/// A task that failed.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FailureStatus {
    /// When.
    #[serde(serialize_with = "seconds::at")]
    pub at: SystemTime,
    /// The task.
    pub task_id: TaskId,
    /// Its handler.
    pub name: TaskName,
    /// The code of the error.
    pub code: String,
    /// Its message.
    pub message: String,
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

    /// `handler`: what it is counted as.
    pub(crate) fn task_came(&self, key: &TaskKey, job_id: &JobId, name: &TaskName, handler: &str) {
        let entry = Entry {
            job_id: job_id.clone(),
            name: name.clone(),
            since: Instant::now(),
            began: None,
            progress: None,
            meter: self.meters.task_came(handler),
        };
        self.tasks.insert(key.clone(), entry);
    }

    /// A handler gets the task.
    pub(crate) fn task_began(&self, key: &TaskKey) {
        let Some(mut entry) = self.tasks.get_mut(key) else {
            return;
        };
        let now = Instant::now();
        entry.began = Some(now);
        entry.meter.began(now - entry.since);
        self.subscribers.tell(|| WorkerEvent::TaskStarted {
            task_id: key.id.clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
        });
    }

    pub(crate) fn progress(&self, key: &TaskKey, value: f64, message: &str) {
        if let Some(mut entry) = self.tasks.get_mut(key) {
            entry.progress = Some((value, message.to_owned()));
        }
    }

    pub(crate) fn task_ended(&self, key: &TaskKey, outcome: &Outcome) {
        let Some((_, entry)) = self.tasks.remove(key) else {
            return;
        };
        let took = entry.began.map(|began| began.elapsed());
        entry.meter.ended(outcome, took);
        self.tally.ended(outcome, took.unwrap_or_default());
        if let Outcome::Failed(error) = outcome {
            self.failed(&key.id, &entry.name, error);
        }
        self.subscribers.tell(|| WorkerEvent::TaskEnded {
            task_id: key.id.clone(),
            job_id: entry.job_id,
            name: entry.name,
            outcome: outcome.clone(),
            took: took.unwrap_or_default(),
        });
    }

    /// A task failed that no handler was for.
    pub(crate) fn task_refused(&self, id: &TaskId, name: &TaskName, error: &TaskError) {
        self.failed(id, name, error);
    }

    fn failed(&self, id: &TaskId, name: &TaskName, error: &TaskError) {
        let mut failures = lock(&self.failures);
        failures.truncate(FAILURES - 1);
        failures.push_front(FailureStatus {
            at: SystemTime::now(),
            task_id: id.clone(),
            name: name.clone(),
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
        });
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

    /// Something that may be in the way of tasks came or went. Reading under the lock
    /// makes the last of several at once the one that counts.
    fn review_opening(&self) {
        let mut since = lock(&self.open_since);
        let is_open = self.has_room.load(Ordering::Relaxed)
            && !self.paused.load(Ordering::Relaxed)
            && !self.held.load(Ordering::Relaxed);
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
        let task = |entry: dashmap::mapref::multiple::RefMulti<'_, TaskKey, Entry>| TaskStatus {
            task_id: entry.key().id.clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
            elapsed: now.saturating_duration_since(entry.since),
            running: entry.began.is_some(),
            progress: entry.progress.clone(),
        };
        let orchestrators: Vec<_> = self.links.iter().map(LinkBoard::read).collect();
        let hot = lock(&self.hot).clone();
        WorkerStatus {
            registered: orchestrators.iter().filter(|it| it.registered).count(),
            orchestrators,
            draining: self.draining.load(Ordering::Relaxed),
            paused: self.paused.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
            open_for: lock(&self.open_since).map(|since| since.elapsed()),
            capacity: self.capacity(),
            tasks: self.tasks.iter().map(task).collect(),
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

/// What is behind these locks is written whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
