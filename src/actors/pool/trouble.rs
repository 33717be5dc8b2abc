//! What the errors of polls mean for their orchestrator, and for tasks that came with
//! them or too late.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::OrchestratorPool;
use super::refusals::Endpoint;
use crate::actors::supervisor::DeliverResult;
use crate::id::{JobId, OrchestratorId, TaskId};
use crate::task::{ErrorCode, Interruption, Outcome, Task, TaskError, TaskResult};
use crate::transport::TransportError;

impl OrchestratorPool {
    pub(super) fn poll_failed(
        &mut self,
        id: OrchestratorId,
        error: &TransportError,
        sent: Instant,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let session = self.session(id);
        let name = session.settings.name.clone();
        let was_failing = session.polls.is_failing();
        match error {
            TransportError::RateLimited { retry_after } => {
                session
                    .polls
                    .rate_limited(now, *retry_after, fastrand::f64());
                let quiet = session
                    .polls
                    .opens_at(now)
                    .map(|at| at - now)
                    .unwrap_or_default();
                warn!(orchestrator = %name, ?quiet, "polls are rate limited");
            }
            TransportError::Malformed {
                reason,
                task: Some(ids),
            } => {
                error!(orchestrator = %name, task_id = %ids.0, %reason, "a task cannot be read");
                // Not the fault of the way: the next poll may be fine.
                let failure = TaskError::permanent(format!("the task cannot be read: {reason}"));
                return self.report_unread(id, ids, failure);
            }
            TransportError::Untrusted { reason, task: ids } => {
                error!(orchestrator = %name, task_id = %ids.0, %reason, "a task was not accepted");
                let failure = TaskError::new(ErrorCode::Security, reason.clone());
                return self.report_unread(id, ids, failure);
            }
            TransportError::CutOff { reason, task: ids } => {
                warn!(orchestrator = %name, task_id = %ids.0, %reason, "a task was cut off");
                let failure = TaskError::transient(format!("cut off on its way: {reason}"));
                self.report_unread(id, ids, failure);
            }
            // Sooner than with any pause, for somebody else may ask for the task meanwhile.
            TransportError::PollCut { after, .. }
                if !was_failing && !session.beats.is_failing() =>
            {
                if std::mem::replace(&mut session.told_of_cuts, true) {
                    debug!(orchestrator = %name, %error, "a poll was cut");
                } else {
                    let seconds = after.as_secs();
                    warn!(
                        orchestrator = %name, %error,
                        "something on the way ends polls after {seconds} s although the \
                         orchestrator is there: they count as empty (TASK_POLL_TIMEOUT, or the \
                         limit of the proxy)"
                    );
                }
            }
            TransportError::Dismissed { reason, in_order } => {
                return self.dismissed(id, reason, *in_order);
            }
            error => {
                session.polls.failed(now, fastrand::f64());
                if let Some(opens) = session.polls.opens_at(now) {
                    ctx.run_later(opens - now, |pool, _| pool.count_sidelined(Instant::now()));
                }
                if was_failing {
                    debug!(orchestrator = %name, %error, "poll failed again");
                } else {
                    warn!(orchestrator = %name, %error, "poll failed");
                }
            }
        }
        if self.session(id).note_failure(error) {
            self.refused_as_stranger(id, Endpoint::Poll, sent, ctx);
        }
    }

    /// A task came when the worker had turned away already.
    pub(super) fn too_late(&self, task: &Task) {
        warn!(task_id = %task.id, "a task came too late");
        let end = Outcome::Interrupted(Interruption::ShutDown);
        let result = TaskResult::of(task, end, Duration::ZERO);
        self.neighbours.results.do_send(DeliverResult {
            result,
            files: None,
        });
    }

    /// A task was handed out to us that we have only the ids of.
    fn report_unread(
        &self,
        id: OrchestratorId,
        (task_id, job_id): &(TaskId, JobId),
        failure: TaskError,
    ) {
        let params = crate::RawJson::empty_object();
        let task = Task::new(id, task_id.as_str(), job_id.as_str(), "", params);
        let result = TaskResult::of(&task, Outcome::Failed(failure), Duration::ZERO);
        self.neighbours.results.do_send(DeliverResult {
            result,
            files: None,
        });
    }
}
