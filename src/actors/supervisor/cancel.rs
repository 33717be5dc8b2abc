//! Cancelling tasks: one, or all when the worker ends, and those whose handlers
//! do not let go.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::entry::{self, Entry, Phase};
use super::{AbandonAll, CancelTask, InterruptAll, TaskKey, TaskSupervisor};
use crate::actors::capacity::WithdrawClaim;
use crate::task::{CancelReason, Outcome};
use crate::transport::CancelTarget;

/// How much longer than the grace time a host may take to say that a task ended.
const HOST_ALLOWANCE: Duration = Duration::from_millis(250);

impl TaskSupervisor {
    pub(super) fn cancel(&mut self, key: &TaskKey, reason: CancelReason, now: Instant) {
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        if entry.cancellation.is_cancelled() {
            return;
        }
        info!(task_id = %key.id, ?reason, "task cancelled");
        entry.cancellation.cancel(reason);
        match entry.phase {
            Phase::Waiting(_) => {
                self.neighbours.withdraw.do_send(WithdrawClaim(key.clone()));
                self.end_unbegun(key, reason, now);
            }
            // No thread has begun it: nobody is waited for.
            Phase::Running { .. } if entry.leaves(&mut self.queue) => {
                self.end_unbegun(key, reason, now);
            }
            Phase::Running { .. } => {
                let has_grace = entry.cancellation.has_grace();
                let grace = if has_grace {
                    self.grace
                } else {
                    Duration::ZERO
                };
                self.limit(key, grace.saturating_add(HOST_ALLOWANCE), now);
            }
        }
    }

    /// A cancelled task whose handler was not called.
    fn end_unbegun(&mut self, key: &TaskKey, reason: CancelReason, now: Instant) {
        let end = entry::end_of(reason, Outcome::Cancelled);
        self.finish(key, end, Duration::ZERO, now);
    }

    /// A handler that does not let go: its thread is in user code. The task is
    /// reported all the same; its slot stays taken until the thread returns.
    pub(super) fn abandon(&mut self, key: &TaskKey, now: Instant) {
        let Some(entry) = self.tasks.get(key) else {
            return;
        };
        let Phase::Running { since } = entry.phase else {
            return;
        };
        warn!(task_id = %key.id, kind = %entry.name, "the handler does not stop, leaving it behind");
        let reason = entry
            .cancellation
            .reason()
            .unwrap_or(CancelReason::Requested);
        if !entry.leaves(&mut self.queue) {
            self.abandoned.insert(entry.attempt);
            self.services.board.set_abandoned(self.abandoned.len());
        }
        let end = entry::end_of(reason, Outcome::Cancelled);
        self.finish(key, end, now - since, now);
    }
}

impl Handler<CancelTask> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, cancel: CancelTask, _: &mut Self::Context) {
        let CancelTask {
            origin,
            target: CancelTarget(target),
            reason,
        } = cancel;
        let is_meant = |key: &TaskKey, entry: &Entry| {
            origin.is_none_or(|origin| key.origin == origin)
                && (key.id.as_str() == target || entry.job_id.as_str() == target)
        };
        let meant: Vec<_> = self
            .tasks
            .iter()
            .filter(|(k, e)| is_meant(k, e))
            .map(|(k, _)| k.clone())
            .collect();
        if meant.is_empty() {
            debug!(%target, "told to cancel a task that is not here");
            // One whose task is over anyway is no news for a later hand-out.
            if let Some(origin) = origin
                && reason == CancelReason::Requested
            {
                let target = CancelTarget(target);
                self.early.remember(origin, target, Instant::now());
            }
            return;
        }
        let now = Instant::now();
        for key in meant {
            self.cancel(&key, reason, now);
        }
    }
}

impl Handler<InterruptAll> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, _: InterruptAll, _: &mut Self::Context) {
        let now = Instant::now();
        for key in self.tasks.keys().cloned().collect::<Vec<_>>() {
            self.cancel(&key, CancelReason::ShuttingDown, now);
        }
    }
}

impl Handler<AbandonAll> for TaskSupervisor {
    type Result = usize;

    fn handle(&mut self, _: AbandonAll, _: &mut Self::Context) -> usize {
        let left: Vec<_> = self.tasks.keys().cloned().collect();
        let now = Instant::now();
        for key in &left {
            self.abandon(key, now);
        }
        left.len()
    }
}
