//! From step to step: how one begins, is done or has failed, and how the job ends.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::{Effects, Job, Order, Part};
use crate::TaskId;
use crate::dev::job::fresh_id;
use crate::dev::job::report::{AttemptReport, JobState};
use crate::dev::job::verdict::{Failure, Verdict};

impl Job {
    pub(super) fn wait(&mut self) {
        let is_out = self.out > 0;
        self.state = if is_out {
            JobState::Running
        } else {
            JobState::Waiting
        };
    }

    pub(super) fn failed(
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

    pub(super) fn step_done(&mut self, now: SystemTime) -> Effects {
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

    pub(super) fn enter(&mut self, next: Arc<str>, now: SystemTime) -> Effects {
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

    pub(super) fn end(&mut self, state: JobState, error: Option<String>) -> Effects {
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
