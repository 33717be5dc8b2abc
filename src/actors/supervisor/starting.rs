//! From the hand-out of a task to its handler.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::entry::{Entry, Waiting};
use super::{ClaimAnswered, DeliverResult, StartTask, TaskSupervisor, limits};
use crate::ErrorCode;
use crate::actors::capacity::{ClaimType, Permit};
use crate::actors::heartbeat::StateChanged;
use crate::actors::host::QueuedTask;
use crate::task::{
    Cancellation, Outcome, Task, TaskContext, TaskError, TaskKey, TaskResult, UNSUPPORTED,
};
use crate::trace::TaskSpan;

/// So long after a task was queued it is made sure that no idle thread has missed it.
const A_MOMENT: Duration = Duration::from_millis(1);

impl Handler<StartTask> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, start: StartTask, ctx: &mut Self::Context) {
        let StartTask { task, mut permit } = start;
        let now = Instant::now();
        let key = TaskKey::new(task.origin, task.id.clone());
        if self.tasks.contains_key(&key) {
            warn!(task_id = %task.id, "handed out again while it runs, ignored");
            return;
        }

        let Some(registration) = self.registry.get(task.name.as_str()) else {
            warn!(task_id = %task.id, kind = %task.name, "no handler of that name");
            let error = TaskError::permanent(format!("{UNSUPPORTED}{}", task.name));
            let board = &self.services.board;
            board.task_refused(&task.id, &task.name, &error);
            drop(permit);
            return self.turn_away(&task, Outcome::Failed(error));
        };
        if self.early.meant(key.origin, &key.id, &task.job_id, now) {
            info!(task_id = %task.id, "called off before it came");
            drop(permit);
            return self.turn_away(&task, Outcome::Cancelled);
        }

        if let Some(late) = limits::overdue(&task) {
            let error = late_for(late);
            warn!(task_id = %task.id, %error, "not begun");
            let board = &self.services.board;
            board.task_refused(&task.id, &task.name, &error);
            drop(permit);
            return self.turn_away(&task, Outcome::Failed(error));
        }

        let kind = registration.entry.kind.clone();
        let limit = limits::time_limit(&task, registration.timeout);
        let handler = registration.entry.name.as_str();
        let board = &self.services.board;
        board.task_came(&key, &task.job_id, &task.name, handler, now.into_std());
        self.neighbours.heartbeat.do_send(StateChanged);

        let cancellation = Cancellation::new();
        let files = self.files.of_task(&task, &cancellation);
        let origin = board.link(task.origin.0);
        let span = TaskSpan::open(&task, origin.map_or("", |link| link.name()));
        let (job, rules) = (registration.job.clone(), registration.rules.clone());
        let waiting = Waiting { task, job, rules };
        self.attempts += 1;
        let entry = Entry::new(self.attempts, waiting, cancellation, files, span);
        self.tasks.insert(key.clone(), entry);
        if let Some(limit) = limit {
            self.limit(&key, limit, now);
        }

        if kind.is_none() {
            permit.begin_untyped();
            self.record_start(&key, permit, now, ctx);
        } else {
            self.record_received(&key);
            self.neighbours
                .capacity
                .do_send(ClaimType { key, kind, permit });
        }
    }
}

/// The failure of a task whose deadline had passed when it came.
fn late_for(late: Duration) -> TaskError {
    let late = late.as_secs_f64();
    TaskError::new(
        ErrorCode::Timeout,
        format!("the deadline had passed {late:.1} s before the task came"),
    )
}

impl TaskSupervisor {
    /// A task that no handler is called for.
    fn turn_away(&self, task: &Task, outcome: Outcome) {
        self.neighbours.results.do_send(DeliverResult {
            result: TaskResult::of(task, outcome, Duration::ZERO),
            files: None,
        });
    }

    /// Has a task that has its slots run.
    pub(super) fn run(
        &mut self,
        key: &TaskKey,
        permit: Permit,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        let Some(Waiting { task, job, rules }) = entry.start(now) else {
            return;
        };
        let span = entry.span.clone();
        debug!(parent: span.span(), "task starts");
        self.services.board.task_began(key, now.into_std());

        let params = task.params.clone();
        let params_metadata = task.params_metadata.clone();
        let context = TaskContext::new(
            *task,
            entry.cancellation.clone(),
            entry.files.clone(),
            rules,
            span,
            self.services.clone(),
        );
        let place = self.queue.push(QueuedTask {
            key: key.clone(),
            attempt: entry.attempt,
            job,
            params,
            params_metadata,
            context,
            permit,
        });
        entry.place = Some(place);
        if self.queue.has_other_threads() {
            self.look_soon(ctx);
        }
    }

    fn look_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.looks_soon, true) {
            ctx.run_later(A_MOMENT, |supervisor, _| {
                supervisor.looks_soon = false;
                supervisor.queue.wake_all();
            });
        }
    }
}

impl Handler<ClaimAnswered> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, claim: ClaimAnswered, ctx: &mut Self::Context) {
        let now = Instant::now();
        match claim.permit {
            // A task that was called off meanwhile is gone; the permit goes back.
            Some(permit) => self.record_start(&claim.key, permit, now, ctx),
            None => {
                let error = TaskError::new(
                    ErrorCode::LimitExceeded,
                    "this worker takes no tasks of this type",
                );
                self.finish(&claim.key, Outcome::Failed(error), Duration::ZERO, now);
            }
        }
    }
}
