//! Submitting, answering and calling off jobs.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{Kept, Load, Place, State, Task};
use crate::dev::job::{Answer, Effects, Job, JobReport, JobSpec, Order, fresh_id};
use crate::dev::news::DevNews;
use crate::dev::wire;
use crate::{JobId, TaskId, TaskName};

/// What became of the wish to call a job off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelOutcome {
    /// No worker had anything of it: done.
    Done,
    /// A worker was told over its WebSocket and will answer.
    Sent,
    /// A worker has it and has no WebSocket for commands: it is told by the answer to its
    /// next heartbeat that lists the task. (1.0b17 only.)
    AtHeartbeat,
    /// A worker has it and cannot be told, for it did not register with
    /// `capabilities.websockets: true` or has no socket open. The task runs on.
    Unreachable,
    /// It had ended before, or is not known.
    TooLate,
}

/// Why a result is answered with 500.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("Job not found")]
    UnknownJob,
    #[error("No suitable workers for task type '{0}'")]
    NoWorker(TaskName),
}

impl State {
    pub(crate) fn submit(&mut self, spec: &JobSpec, load: Option<Arc<Load>>) -> JobId {
        let id = JobId::from(fresh_id());
        let (job, effects) = Job::start(id.clone(), spec, self.rules, SystemTime::now());
        self.counts.add(job.state());
        let has_ended = job.state().is_end();
        self.readers.tell(|| DevNews::Submitted { job: id.clone() });
        self.jobs.insert(
            id.clone(),
            Kept {
                job,
                load,
                files: Arc::default(),
            },
        );
        if has_ended {
            self.job_ended(&id);
        }
        // The first attempts are never refused, only put into quarantine.
        let _ = self.carry_out(&id, effects);
        id
    }

    /// Takes a result. One that no job awaits is counted and left at that.
    pub(crate) fn answer(
        &mut self,
        job: &JobId,
        task: &TaskId,
        answer: Answer,
        files: Map<String, Value>,
    ) -> Result<(), Refused> {
        let kept = self.jobs.get(job).ok_or(Refused::UnknownJob)?;
        let is_awaited = kept.job.awaits(task);
        let is_of_job = self.tasks.get(task).is_some_and(|kept| kept.job == *job);
        if is_of_job
            && let Some(Task {
                name,
                place: Place::Out(worker),
                ..
            }) = self.tasks.remove(task)
        {
            self.peaks.answered(&worker, name.as_str());
        }
        if !is_awaited {
            self.stale_results += 1;
            return Ok(());
        }
        self.tell_answered(job, task, &answer);
        if let Some(kept) = self.jobs.get_mut(job)
            && !files.is_empty()
        {
            Arc::make_mut(&mut kept.files).extend(files);
        }
        self.apply(job, |job| job.answer(task, answer, SystemTime::now()))
    }

    pub(super) fn tell_answered(&mut self, job: &JobId, task: &TaskId, answer: &Answer) {
        self.readers.tell(|| DevNews::Answered {
            job: job.clone(),
            task_id: task.clone(),
            status: answer.status.clone(),
            error: answer.error.clone(),
        });
    }

    pub(crate) fn cancel(&mut self, id: &JobId) -> CancelOutcome {
        let Some(kept) = self.jobs.get(id).filter(|kept| !kept.job.state().is_end()) else {
            return CancelOutcome::TooLate;
        };
        let open: Vec<TaskId> = kept.job.open_tasks().cloned().collect();
        let out: Vec<(TaskId, Arc<str>)> = open
            .into_iter()
            .filter_map(|task| match &self.tasks.get(&task)?.place {
                Place::Out(worker) => Some((task, Arc::clone(worker))),
                Place::Vanished => Some((task, "".into())),
                Place::Queued | Place::Offered(_) => None,
            })
            .collect();
        if out.is_empty() {
            // Whatever a transition for `cancelled` orders is a first attempt.
            let _ = self.apply(id, |job| job.cancelled(SystemTime::now()));
            return CancelOutcome::Done;
        }
        let mut was_sent = false;
        for (task, worker) in out {
            was_sent |= self.command(&worker, wire::cancel_command(id, &task));
        }
        let is_1_0b17 = self.rules.dialect.is_1_0b17();
        if is_1_0b17 {
            self.called_off.insert(id.clone());
        }
        if was_sent {
            CancelOutcome::Sent
        } else if is_1_0b17 {
            CancelOutcome::AtHeartbeat
        } else {
            CancelOutcome::Unreachable
        }
    }

    pub(crate) fn progress(&mut self, progress: wire::Progress) {
        self.tell_progress(&progress.job_id, progress.value, progress.message);
    }

    /// Notes the progress of a job that is known.
    pub(super) fn tell_progress(
        &mut self,
        id: &JobId,
        progress: Option<Value>,
        message: Option<String>,
    ) {
        let Some(kept) = self.jobs.get_mut(id) else {
            return;
        };
        self.readers.tell(|| DevNews::Progress {
            job: id.clone(),
            progress: progress.clone(),
            message: message.clone(),
        });
        kept.job.progress(progress, message);
    }

    /// Which of the tasks or jobs that a heartbeat lists are not to go on (1.0b17).
    pub(super) fn called_off_among(&self, listed: &[String]) -> Vec<String> {
        let is_over = |job: &JobId| {
            let ended = self.jobs.get(job).is_some_and(|it| it.job.state().is_end());
            ended || self.called_off.contains(job)
        };
        let by_job_only = self.quirks.cancels_by_job_id_only;
        let is_off = |id: &str| {
            let task = self.tasks.get(&TaskId::from(id)).filter(|_| !by_job_only);
            is_over(&JobId::from(id)) || task.is_some_and(|task| is_over(&task.job))
        };
        listed.iter().filter(|id| is_off(id)).cloned().collect()
    }

    pub(crate) fn report(&self, id: &JobId) -> Option<JobReport> {
        self.jobs.get(id).map(|kept| kept.job.report())
    }

    /// The report of a job that has ended, or a signal for when it will have.
    pub(crate) fn end_of(&mut self, id: &JobId) -> Result<JobReport, oneshot::Receiver<()>> {
        match self.jobs.get(id) {
            None => Ok(JobReport::lost(id.clone())),
            Some(kept) if kept.job.state().is_end() => Ok(kept.job.report()),
            Some(_) => {
                let (tell, told) = oneshot::channel();
                let waiters = self.waiters.entry(id.clone()).or_default();
                waiters.retain(|waiter| !waiter.is_closed());
                waiters.push(tell);
                Err(told)
            }
        }
    }

    pub(crate) fn lose_jobs(&mut self) {
        for kept in self.jobs.values() {
            if let Some(load) = kept.load.as_ref().filter(|_| !kept.job.state().is_end()) {
                load.ended(false);
            }
        }
        self.jobs.clear();
        self.called_off.clear();
        self.tasks.clear();
        self.queue.clear();
        self.peaks.forget();
        self.counts = super::JobCounts::default();
        // Dropping the senders wakes whoever waits; they find the job gone.
        self.waiters.clear();
    }

    /// Lets a job do a step and does what follows from it.
    pub(super) fn apply(
        &mut self,
        id: &JobId,
        step: impl FnOnce(&mut Job) -> Effects,
    ) -> Result<(), Refused> {
        let Some(kept) = self.jobs.get_mut(id) else {
            return Err(Refused::UnknownJob);
        };
        let before = kept.job.state();
        let effects = step(&mut kept.job);
        let after = kept.job.state();
        self.counts.shift(before, after);
        if after.is_end() && !before.is_end() {
            self.job_ended(id);
        }
        self.carry_out(id, effects)
    }

    fn carry_out(&mut self, id: &JobId, effects: Effects) -> Result<(), Refused> {
        for task in effects.withdrawn {
            // One that is with a worker is kept until its result comes, for the count.
            let waits = |task: &Task| matches!(task.place, Place::Queued | Place::Offered(_));
            if self.tasks.get(&task).is_some_and(waits) {
                self.tasks.remove(&task);
            }
        }
        for order in effects.orders {
            let Order {
                task_id,
                name,
                params,
                attempt,
            } = order;
            let params = match self.checked(&name, params) {
                Ok(params) => params,
                Err(error) => return self.apply(id, |job| job.quarantine(error)),
            };
            if self.quirks.no_queue && !self.has_idle_worker(&name) {
                let refused = Refused::NoWorker(name);
                if attempt > 1 {
                    return Err(refused);
                }
                return self.apply(id, |job| job.quarantine(refused.to_string()));
            }
            let task = Task {
                job: id.clone(),
                name,
                params,
                ticket: self.queue.ticket(),
                place: Place::Queued,
            };
            self.tasks.insert(task_id.clone(), task);
            self.enqueue(&task_id, Instant::now());
        }
        Ok(())
    }

    /// Parameters as they go out in 1.0b17, if they can be signed and somebody takes them.
    fn checked(&self, name: &TaskName, params: Arc<RawValue>) -> Result<Arc<RawValue>, String> {
        if !self.rules.dialect.is_1_0b17() {
            return Ok(params);
        }
        let params: Arc<RawValue> = wire::v1_0b17::params(&params)?.into();
        if self.quirks.checks_params {
            let value: Value = serde_json::from_str(params.get()).unwrap_or_default();
            let known = self.registry.all(Instant::now());
            let mut checks = known
                .filter_map(|(_, known)| known.offers.contracts.get(name))
                .map(|contract| contract.check_input(&value))
                .peekable();
            if checks.peek().is_some()
                && let Some(error) = checks.try_fold(String::new(), |_, check| check.err())
            {
                return Err(format!(
                    "No suitable workers for task type '{name}': {error}"
                ));
            }
        }
        Ok(params)
    }

    fn job_ended(&mut self, id: &JobId) {
        self.called_off.remove(id);
        for waiter in self.waiters.remove(id).into_iter().flatten() {
            // Nobody waits any more: fine.
            let _ = waiter.send(());
        }
        if let Some(kept) = self.jobs.get(id) {
            let state = kept.job.state();
            self.readers.tell(|| DevNews::Ended {
                job: id.clone(),
                state,
            });
        }
        if let Some(kept) = self.jobs.get(id)
            && let Some(load) = &kept.load
        {
            load.ended(kept.job.state() == crate::dev::JobState::Finished);
        }
    }
}
