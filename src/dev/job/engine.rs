//! The state machine of one job: plain data, no clock, no network.
//!
//! Every call says what is to be done next as [`Effects`]; the caller does it.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::extras::Extras;
use super::fresh_id;
use super::report::{AttemptReport, JobReport, JobState};
use super::spec::{JobSpec, Plan};
use super::verdict::{Failure, Verdict};
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

    fn wait(&mut self) {
        let is_out = self.out > 0;
        self.state = if is_out {
            JobState::Running
        } else {
            JobState::Waiting
        };
    }

    fn failed(
        &mut self,
        part: usize,
        attempt: u32,
        error: Option<&Value>,
        now: SystemTime,
    ) -> Effects {
        let failure = Failure::of(error);
        match failure.verdict(self.rules.dialect) {
            Verdict::Fail => self.end(JobState::Failed, Some(failure.to_string())),
            Verdict::Quarantine => self.end(JobState::Quarantined, Some(failure.to_string())),
            Verdict::Retry if attempt > self.rules.max_retries => {
                let text = format!("gave up after {attempt} attempts, last {failure}");
                self.end(JobState::Quarantined, Some(text))
            }
            Verdict::Retry => {
                self.wait();
                match self.order(part, attempt + 1, now) {
                    Ok(order) => Effects {
                        orders: vec![order],
                        withdrawn: Vec::new(),
                    },
                    Err(error) => self.end(JobState::Failed, Some(error)),
                }
            }
        }
    }

    fn step_done(&mut self, now: SystemTime) -> Effects {
        let statuses = self.parts.iter().filter_map(|part| part.answer.as_ref());
        let status = statuses
            .map(|(status, _)| status.as_str())
            .find(|status| *status != "success")
            .unwrap_or("success")
            .to_owned();
        let plan = Arc::clone(&self.plan);
        let step = &plan.steps[&self.step];
        let Some(next) = step.transitions.get(&status) else {
            let error = format!("unhandled status {status:?} in step {:?}", self.step);
            return self.end(JobState::Failed, Some(error));
        };
        for (part, branch) in self.parts.iter_mut().zip(&step.branches) {
            let Some((_, Some(Value::Object(data)))) = part.answer.take() else {
                continue;
            };
            if step.is_parallel {
                self.data
                    .insert(branch.name.to_string(), Value::Object(data));
            } else {
                self.data.extend(data);
            }
        }
        self.parts.clear();
        self.enter(Arc::clone(next), now)
    }

    /// Goes on, although tasks of the current step may be unanswered.
    pub(super) fn leave(&mut self, next: Arc<str>, now: SystemTime) -> Effects {
        let withdrawn: Vec<TaskId> = self.open_tasks().cloned().collect();
        let mut effects = self.enter(next, now);
        effects.withdrawn.extend(withdrawn);
        effects
    }

    fn enter(&mut self, next: Arc<str>, now: SystemTime) -> Effects {
        self.parts.clear();
        self.out = 0;
        self.step = next;
        self.entered += 1;
        let Some(step) = self.plan.steps.get(&self.step) else {
            let is_success = &*self.step == "finished";
            let state = if is_success {
                JobState::Finished
            } else {
                JobState::Failed
            };
            return self.end(state, None);
        };
        self.state = JobState::Waiting;
        let count = step.branches.len();
        let mut orders = Vec::with_capacity(count);
        for number in 0..count {
            self.parts.push(Part {
                attempt: 0,
                answer: None,
            });
            match self.order(number, 1, now) {
                Ok(order) => orders.push(order),
                // None of these tasks was queued yet: there is nothing to withdraw.
                Err(error) => {
                    self.parts.clear();
                    return self.end(JobState::Failed, Some(error));
                }
            }
        }
        Effects {
            orders,
            withdrawn: Vec::new(),
        }
    }

    fn order(&mut self, part: usize, attempt: u32, now: SystemTime) -> Result<Order, String> {
        let step = &self.plan.steps[&self.step];
        let branch = &step.branches[part];
        let params = branch
            .params
            .fill(&self.input, &self.data)
            .map_err(|name| format!("step {:?}: there is no value at {name:?}", self.step))?;
        let id = fresh_id();
        let is_prefixed = self.rules.dialect.is_1_0b17() && !step.is_parallel;
        let id = if is_prefixed {
            format!("task-{id}")
        } else {
            id
        };
        self.is_superseded = false;
        let order = Order {
            task_id: TaskId::from(id),
            name: branch.task.clone(),
            params,
            attempt,
        };
        self.parts[part].attempt = self.history.len();
        self.history.push(AttemptReport {
            step: self.step.to_string(),
            branch: step.is_parallel.then(|| branch.name.to_string()),
            task: order.name.clone(),
            task_id: order.task_id.clone(),
            attempt,
            worker: None,
            status: None,
            error: None,
            created_at: now,
            handed_out_at: None,
            answered_at: None,
        });
        Ok(order)
    }

    fn end(&mut self, state: JobState, error: Option<String>) -> Effects {
        let withdrawn = self.open_tasks().cloned().collect();
        self.parts.clear();
        self.out = 0;
        self.state = state;
        self.error = error;
        Effects {
            orders: Vec::new(),
            withdrawn,
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
