//! What only RXON 1.0b17 asks a job: whose results count, and where events lead.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::engine::{Effects, Job};
use super::report::AttemptReport;
use crate::{TaskId, TaskName};

/// Why a result does not count (1.0b17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// Another worker has it.
    OtherWorker,
    /// Not among the parallel tasks without an answer.
    NoBranch,
    /// The job goes on with another task.
    Stale,
    /// The job has ended.
    Ended,
}

impl Job {
    /// Whether a result of this worker for this task is to be taken, or why not.
    pub(crate) fn standing(&self, task: &TaskId, worker: &str) -> Result<(), Unwanted> {
        let is_elsewhere =
            |attempt: &AttemptReport| attempt.worker.as_ref().is_some_and(|it| it != worker);
        if self.is_parallel() {
            return match self.part_of(task) {
                None => Err(Unwanted::NoBranch),
                Some(part) if is_elsewhere(&self.history[self.parts[part].attempt]) => {
                    Err(Unwanted::OtherWorker)
                }
                Some(_) => Ok(()),
            };
        }
        let current = self.history.last();
        if current.is_some_and(is_elsewhere) {
            Err(Unwanted::OtherWorker)
        } else if self.is_superseded || current.is_none_or(|it| it.task_id != *task) {
            Err(Unwanted::Stale)
        } else if self.state.is_end() {
            Err(Unwanted::Ended)
        } else {
            Ok(())
        }
    }

    /// Whether the current step has several tasks at once.
    pub(crate) fn is_parallel(&self) -> bool {
        !self.state.is_end()
            && self
                .plan
                .steps
                .get(&self.step)
                .is_some_and(|it| it.is_parallel)
    }

    /// Whether the current step says where to go with this status.
    pub(crate) fn leads_on(&self, status: &str) -> bool {
        let step = self.plan.steps.get(&self.step);
        step.is_some_and(|step| step.transitions.contains_key(status))
    }

    /// Whether somebody else has the tasks of the current step.
    pub(crate) fn is_of_others(&self, worker: &str) -> bool {
        let steps = self.history.iter().rev();
        let mut workers = steps
            .take_while(|attempt| attempt.step == *self.step || self.state.is_end())
            .filter_map(|attempt| attempt.worker.as_deref())
            .peekable();
        workers.peek().is_some() && workers.all(|other| other != worker)
    }

    /// The skill that a task asks for, else the one that was asked for last.
    pub(crate) fn skill_of(&self, task: Option<&TaskId>) -> Option<&TaskName> {
        let of_task = self.history.iter().find(|it| Some(&it.task_id) == task);
        of_task.or(self.history.last()).map(|attempt| &attempt.task)
    }

    /// An event of a worker. It may lead on, without waiting for the result.
    pub(crate) fn event(
        &mut self,
        kind: &str,
        payload: &Map<String, Value>,
        now: SystemTime,
    ) -> Effects {
        if self.state.is_end() || self.is_parallel() {
            return Effects::default();
        }
        let next = self.plan.steps.get(&self.step);
        let Some(next) = next.and_then(|step| step.on_event.get(kind)).cloned() else {
            return Effects::default();
        };
        self.data.extend(payload.clone());
        self.is_superseded = true;
        self.leave(next, now)
    }
}
