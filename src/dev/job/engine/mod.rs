//! The state machine of one job: plain data, no clock, no network.
//!
//! Every call says what is to be done next as [`Effects`]; the caller does it.

mod steps;

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::extras::Extras;
use super::report::{AttemptReport, JobReport, JobState};
use super::spec::{JobSpec, Plan};
use crate::dev::Dialect;
use crate::{JobId, TaskId, TaskName};

/// A task that is to be queued.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task_id: TaskId,
    pub(crate) name: TaskName,
    pub(crate) params: Arc<RawValue>,
    pub(crate) attempt: u32,
}

/// What follows from an event.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) orders: Vec<Order>,
    /// Tasks whose answer no longer matters.
    pub(crate) withdrawn: Vec<TaskId>,
}

/// A result, in the words of no protocol.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) data: Option<Value>,
    pub(crate) error: Option<Value>,
}

/// What is the same for all jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) max_retries: u32,
    pub(crate) dialect: Dialect,
}

/// One task of the current step.
#[derive(Debug)]
pub(super) struct Part {
    /// Its place in the history; retries move it on.
    pub(super) attempt: usize,
    answer: Option<(String, Option<Value>)>,
}

#[derive(Debug)]
pub(crate) struct Job {
    id: JobId,
    pub(super) plan: Arc<Plan>,
    input: Arc<Value>,
    extras: Arc<Extras>,
    rules: Rules,
    deadline: Option<SystemTime>,
    pub(super) state: JobState,
    pub(super) step: Arc<str>,
    /// How many steps it has entered.
    entered: usize,
    pub(super) parts: Vec<Part>,
    /// How many tasks of the current step are with a worker.
    out: usize,
    pub(super) data: Map<String, Value>,
    error: Option<String>,
    progress: Option<Value>,
    message: Option<String>,
    /// The security object of the last result that led on.
    pub(crate) security: Option<Value>,
    /// An event took the place of the last task.
    pub(super) is_superseded: bool,
    pub(super) history: Vec<AttemptReport>,
}

impl Job {
    /// A job and its first tasks.
    pub(crate) fn start(
        id: JobId,
        spec: &JobSpec,
        rules: Rules,
        now: SystemTime,
    ) -> (Self, Effects) {
        let mut job = Self {
            id,
            plan: Arc::clone(&spec.plan),
            input: Arc::clone(&spec.input),
            extras: Arc::clone(&spec.extras),
            rules,
            deadline: spec.extras.deadline.and_then(|time| now.checked_add(time)),
            state: JobState::Waiting,
            step: Arc::clone(&spec.plan.start),
            entered: 0,
            parts: Vec::new(),
            out: 0,
            data: Map::new(),
            error: None,
            progress: None,
            message: None,
            security: None,
            is_superseded: false,
            history: Vec::new(),
        };
        let effects = job.enter(Arc::clone(&spec.plan.start), now);
        (job, effects)
    }

    pub(crate) fn state(&self) -> JobState {
        self.state
    }

    pub(crate) fn extras(&self) -> &Arc<Extras> {
        &self.extras
    }

    pub(crate) fn deadline(&self) -> Option<SystemTime> {
        self.deadline
    }

    /// How many steps it has entered.
    pub(crate) fn step_number(&self) -> usize {
        self.entered
    }

    /// Whether the answer to this task matters.
    pub(crate) fn awaits(&self, task: &TaskId) -> bool {
        self.part_of(task).is_some()
    }

    /// The tasks of the current step that have no answer yet.
    pub(crate) fn open_tasks(&self) -> impl Iterator<Item = &TaskId> {
        self.parts
            .iter()
            .filter(|part| part.answer.is_none())
            .map(|part| &self.history[part.attempt].task_id)
    }

    /// A worker has the task.
    pub(crate) fn handed_out(&mut self, task: &TaskId, worker: &str, now: SystemTime) {
        let Some(part) = self.part_of(task) else {
            return;
        };
        let attempt = &mut self.history[self.parts[part].attempt];
        if attempt.handed_out_at.replace(now).is_none() {
            self.out += 1;
        }
        attempt.worker = Some(worker.to_owned());
        self.state = JobState::Running;
    }

    pub(crate) fn progress(&mut self, progress: Option<Value>, message: Option<String>) {
        self.progress = progress;
        self.message = message;
    }

    /// A worker answered. Nothing happens when the job does not await this task.
    pub(crate) fn answer(&mut self, task: &TaskId, answer: Answer, now: SystemTime) -> Effects {
        let Some(part) = self.part_of(task) else {
            return Effects::default();
        };
        let Answer {
            status,
            data,
            error,
        } = answer;
        let attempt = &mut self.history[self.parts[part].attempt];
        let number = attempt.attempt;
        attempt.answered_at = Some(now);
        attempt.status = Some(status.clone());
        attempt.error.clone_from(&error);
        if attempt.handed_out_at.is_some() {
            self.out -= 1;
        }
        match status.as_str() {
            "failure" => self.failed(part, number, error.as_ref(), now),
            "cancelled" => self.cancelled(now),
            _ => {
                self.parts[part].answer = Some((status, data));
                if self.parts.iter().all(|part| part.answer.is_some()) {
                    self.step_done(now)
                } else {
                    self.wait();
                    Effects::default()
                }
            }
        }
    }

    /// Called off while no worker knows of it.
    pub(crate) fn cancelled(&mut self, now: SystemTime) -> Effects {
        let next = self.plan.steps[&self.step]
            .transitions
            .get("cancelled")
            .cloned();
        match next {
            Some(next) => self.leave(next, now),
            None => self.end(JobState::Cancelled, None),
        }
    }

    /// Gives up on a job that nobody can run.
    pub(crate) fn quarantine(&mut self, error: String) -> Effects {
        self.end(JobState::Quarantined, Some(error))
    }

    pub(crate) fn report(&self) -> JobReport {
        JobReport {
            id: self.id.clone(),
            state: self.state,
            step: self.step.to_string(),
            data: Value::Object(self.data.clone()),
            error: self.error.clone(),
            progress: self.progress.clone(),
            message: self.message.clone(),
            history: self.history.clone(),
        }
    }

    pub(super) fn part_of(&self, task: &TaskId) -> Option<usize> {
        self.parts
            .iter()
            .position(|part| part.answer.is_none() && &self.history[part.attempt].task_id == task)
    }

    /// Goes on, although tasks of the current step may be unanswered.
    pub(super) fn leave(&mut self, next: Arc<str>, now: SystemTime) -> Effects {
        let withdrawn: Vec<TaskId> = self.open_tasks().cloned().collect();
        let mut effects = self.enter(next, now);
        effects.withdrawn.extend(withdrawn);
        effects
    }
}

#[cfg(test)]
mod tests;
