//! From the end of a task to its result on the way.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{DeliverResult, TaskFinished, TaskSupervisor, entry};
use crate::actors::heartbeat::StateChanged;
use crate::task::{Outcome, TaskKey, TaskResult};
use crate::trace;

impl Handler<TaskFinished> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, task: TaskFinished, _: &mut Self::Context) {
        let TaskFinished {
            key,
            attempt,
            outcome,
            ran_for,
            permit,
        } = task;

        // Before the result goes out, so that the slot counts as free when it arrives.
        drop(permit);
        if self.abandoned.remove(&attempt) {
            self.services.board.set_abandoned(self.abandoned.len());
            return;
        }
        let entry = self.tasks.get(&key);
        let Some(entry) = entry.filter(|entry| entry.attempt == attempt) else {
            return;
        };

        let outcome = match entry.cancellation.reason() {
            Some(reason) => entry::end_of(reason, outcome),
            None => outcome,
        };
        self.finish(&key, outcome, ran_for, Instant::now());
    }
}

impl TaskSupervisor {
    /// Ends a task: out of the books, and its result on the way.
    pub(super) fn finish(
        &mut self,
        key: &TaskKey,
        outcome: Outcome,
        ran_for: Duration,
        now: Instant,
    ) {
        let Some(entry) = self.tasks.remove(key) else {
            return;
        };
        self.limits.lift(entry.limit);
        let status = outcome.status();
        let seconds = ran_for.as_secs_f64();
        let span = entry.span.span();
        match &outcome {
            Outcome::Failed(error) => {
                let retry_after = error.retry_delay().map(|delay| delay.as_secs_f64());
                warn!(parent: span, %error, seconds, retry_after, "task failed");
            }
            Outcome::Interrupted(why) => warn!(parent: span, %why, seconds, "task interrupted"),
            _ => debug!(parent: span, status, seconds, "task ended"),
        }
        trace::ended(span, &outcome);
        let board = &self.services.board;
        board.task_ended(key, &outcome, now.into_std());
        let result = TaskResult {
            origin: key.origin,
            task_id: key.id.clone(),
            job_id: entry.job_id,
            name: entry.name,
            outcome,
            ran_for,
            task_metadata: entry.metadata,
        };
        self.neighbours.results.do_send(DeliverResult {
            result,
            files: Some(entry.files),
        });
        self.neighbours.heartbeat.do_send(StateChanged);
    }
}
