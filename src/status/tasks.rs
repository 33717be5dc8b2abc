//! What the board knows of each task, from its coming to its end.

use std::time::{Instant, SystemTime};

use super::{FailureStatus, StatusBoard, TaskStatus, WorkerEvent, lock};
use crate::id::{JobId, TaskId, TaskName};
use crate::metrics::Start;
use crate::task::{Outcome, TaskError, TaskKey};

/// The most failures that are remembered.
const FAILURES: usize = 20;

#[derive(Debug)]
pub(super) struct Entry {
    job_id: JobId,
    name: TaskName,
    since: Instant,
    began: Option<Instant>,
    progress: Option<(f64, String)>,
    meter: Start,
}

impl Entry {
    pub(super) fn read(&self, key: &TaskKey, now: Instant) -> TaskStatus {
        TaskStatus {
            task_id: key.id.clone(),
            job_id: self.job_id.clone(),
            name: self.name.clone(),
            elapsed: now.saturating_duration_since(self.since),
            running: self.began.is_some(),
            progress: self.progress.clone(),
        }
    }
}

impl StatusBoard {
    /// `handler`: what it is counted as.
    pub(crate) fn task_came(
        &self,
        key: &TaskKey,
        job_id: &JobId,
        name: &TaskName,
        handler: &str,
        now: Instant,
    ) {
        let entry = Entry {
            job_id: job_id.clone(),
            name: name.clone(),
            since: now,
            began: None,
            progress: None,
            meter: self.meters.task_came(handler),
        };
        self.tasks.insert(key.clone(), entry);
    }

    /// A handler gets the task.
    pub(crate) fn task_began(&self, key: &TaskKey, now: Instant) {
        let Some(mut entry) = self.tasks.get_mut(key) else {
            return;
        };
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

    pub(crate) fn task_ended(&self, key: &TaskKey, outcome: &Outcome, now: Instant) {
        let Some((_, entry)) = self.tasks.remove(key) else {
            return;
        };
        let took = entry.began.map(|began| now - began);
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
}
