//! What the worker is doing right now, to be read from any thread without asking
//! an actor: for the handle, the health server and whoever embeds the worker.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::id::{JobId, TaskId, TaskName};
use crate::task::Outcome;

/// Written by the actors and, for progress, by handler threads.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    tasks: DashMap<TaskId, Entry>,
    registered: AtomicUsize,
    draining: AtomicBool,
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    delivered: AtomicU64,
    lost: AtomicU64,
    unsent: AtomicUsize,
    abandoned: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    job_id: JobId,
    name: TaskName,
    since: Instant,
    progress: Option<(f64, String)>,
}

/// The state of a worker at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Orchestrators that the worker is registered with.
    pub registered: usize,
    /// Whether the worker is shutting down.
    pub draining: bool,
    /// The tasks it has.
    pub tasks: Vec<TaskStatus>,
    /// Tasks that ended well since the start, with a custom status or without.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were called off.
    pub cancelled: u64,
    /// Results that an orchestrator has acknowledged.
    pub delivered: u64,
    /// Results that no orchestrator would take.
    pub lost: u64,
    /// Results on their way.
    pub unsent: usize,
    /// Tasks that were reported as ended although their handler still runs.
    pub abandoned: usize,
}

/// A task the worker has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The task.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// Its handler.
    pub name: TaskName,
    /// How long the worker has had it.
    pub elapsed: Duration,
    /// What the handler last reported: from 0.0 to 1.0, and a text.
    pub progress: Option<(f64, String)>,
}

impl StatusBoard {
    pub(crate) fn task_began(&self, id: &TaskId, job_id: &JobId, name: &TaskName) {
        let entry = Entry {
            job_id: job_id.clone(),
            name: name.clone(),
            since: Instant::now(),
            progress: None,
        };
        self.tasks.insert(id.clone(), entry);
    }

    pub(crate) fn progress(&self, id: &TaskId, value: f64, message: &str) {
        if let Some(mut entry) = self.tasks.get_mut(id) {
            entry.progress = Some((value, message.to_owned()));
        }
    }

    pub(crate) fn task_ended(&self, id: &TaskId, outcome: &Outcome) {
        self.tasks.remove(id);
        let counter = match outcome {
            Outcome::Completed(_) => &self.succeeded,
            Outcome::Failed(_) => &self.failed,
            Outcome::Cancelled => &self.cancelled,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Tasks that have ended since the start, in whatever way.
    pub(crate) fn ended_tasks(&self) -> usize {
        let counters = [&self.succeeded, &self.failed, &self.cancelled];
        let sum = counters
            .iter()
            .map(|c| c.load(Ordering::Relaxed))
            .sum::<u64>();
        usize::try_from(sum).unwrap_or(usize::MAX)
    }

    pub(crate) fn set_registered(&self, count: usize) {
        self.registered.store(count, Ordering::Relaxed);
    }

    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_unsent(&self, count: usize) {
        self.unsent.store(count, Ordering::Relaxed);
    }

    pub(crate) fn set_abandoned(&self, count: usize) {
        self.abandoned.store(count, Ordering::Relaxed);
    }

    pub(crate) fn result_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn result_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> WorkerStatus {
        let task = |entry: dashmap::mapref::multiple::RefMulti<'_, TaskId, Entry>| TaskStatus {
            task_id: entry.key().clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
            elapsed: entry.since.elapsed(),
            progress: entry.progress.clone(),
        };
        WorkerStatus {
            registered: self.registered.load(Ordering::Relaxed),
            draining: self.draining.load(Ordering::Relaxed),
            tasks: self.tasks.iter().map(task).collect(),
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
            abandoned: self.abandoned.load(Ordering::Relaxed),
        }
    }
}
