//! Results in RXON 1.0b17: most of what comes unasked is ignored, with a reason.

use std::time::{Instant, SystemTime};

use super::jobs::Refused;
use super::{Place, State};
use crate::dev::JobState;
use crate::dev::job::{BROKEN_CONTRACT, Unwanted, reputation};
use crate::dev::wire::{ResultMessage, v1_0b17};

/// What became of a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Where it led.
    Accepted(&'static str),
    /// The reason, in a word and as a text.
    Ignored(&'static str, String),
}

impl State {
    /// Takes a result of `worker`, with the checks of avtomatika 1.0b30 in its order.
    pub(crate) fn answer_1_0b17(
        &mut self,
        worker: &str,
        message: ResultMessage,
    ) -> Result<Taken, Refused> {
        let ResultMessage {
            job: id,
            task,
            security,
            mut answer,
            ..
        } = message;
        self.give_back(&task, worker);
        let Some(kept) = self.jobs.get_mut(&id) else {
            let text = format!("Job {id} not found (expired or deleted).");
            return Ok(Taken::Ignored("job_not_found", text));
        };
        let now = Instant::now();
        if answer.status == "success"
            && let Some(skill) = kept.job.skill_of(Some(&task))
            && let Some(known) = self.registry.get(worker, now)
            && let Some(contract) = known.offers.contracts.get(skill)
            && let Err(error) = contract.check_output(answer.data.as_ref())
        {
            // Once more than for a failure that the worker reports itself.
            self.registry.rate(worker, BROKEN_CONTRACT, now);
            answer = v1_0b17::violation(&error);
        }
        if let Err(unwanted) = kept.job.standing(&task, worker) {
            self.stale_results += 1;
            return Ok(ignored(unwanted, kept.job.report(), &task));
        }
        let transition = match answer.status.as_str() {
            _ if kept.job.is_parallel() => "parallel_branch_accepted",
            "failure" => "failure_handled",
            "cancelled" => "cancelled_handled",
            status if kept.job.leads_on(status) => "success_transition",
            _ => "unhandled_status_failure",
        };
        let is_kept = ["parallel_branch_accepted", "success_transition"].contains(&transition);
        if security.is_some() && is_kept {
            kept.job.security = security;
        }
        self.registry.rate(worker, reputation(&answer), now);
        self.serve_all(worker, now);
        self.tell_answered(&id, &task, &answer);
        self.apply(&id, |job| job.answer(&task, answer, SystemTime::now()))?;
        Ok(Taken::Accepted(transition))
    }

    /// The worker does not have the task any more, whatever its result is worth.
    fn give_back(&mut self, task: &crate::TaskId, worker: &str) {
        let is_there = |place: &Place| matches!(place, Place::Out(there) if **there == *worker);
        if self.tasks.get(task).is_some_and(|it| is_there(&it.place))
            && let Some(task) = self.tasks.remove(task)
        {
            self.peaks.answered(worker, task.name.as_str());
        }
    }
}

fn ignored(unwanted: Unwanted, job: crate::dev::JobReport, task: &crate::TaskId) -> Taken {
    let id = &job.id;
    let (reason, text) = match unwanted {
        Unwanted::OtherWorker => (
            "worker_mismatch",
            "Forbidden: This task is assigned to a different worker.".to_owned(),
        ),
        Unwanted::NoBranch => (
            "worker_mismatch",
            format!("Forbidden: task_id '{task}' is not an active parallel branch for job '{id}'."),
        ),
        Unwanted::Stale => (
            "stale_task",
            format!("Result ignored: task_id {task} is no longer active for job {id}."),
        ),
        Unwanted::Ended => {
            let (state, reason) = match job.state {
                JobState::Cancelled => ("cancelled", "job_cancelled"),
                JobState::Finished => ("finished", "job_already_terminated"),
                JobState::Quarantined => ("quarantined", "job_already_terminated"),
                _ => ("failed", "job_already_terminated"),
            };
            let error = job.error.unwrap_or_default().to_lowercase();
            let is_late = error.contains("timeout");
            let text = format!("Result ignored: the job is already in a terminal state ({state}).");
            (if is_late { "deadline_exceeded" } else { reason }, text)
        }
    };
    Taken::Ignored(reason, text)
}
