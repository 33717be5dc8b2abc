//! The running tasks: from hand-out to result, whatever happens on the way.

mod cancel;
mod early;
mod entry;
mod limits;
mod messages;
mod noting;
mod placement;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, info, warn};

pub(crate) use crate::task::TaskKey;
use early::EarlyCancels;
use entry::{Entry, Waiting};
use limits::TaskTimes;
pub(crate) use messages::{
    AbandonAll, CancelTask, ClaimAnswered, DeliverResult, GetRunning, InterruptAll, StartTask,
};
#[cfg(feature = "journal")]
pub(crate) use noting::Noted;
pub(crate) use placement::Placement;

use super::StateNews;
use super::capacity::{ClaimType, Permit, TaskCame, WithdrawClaim};
use super::host::{Ended, RunTask, TasksEnded};
use super::journal::Notebook;
use crate::handler::Registry;
use crate::storage::FilesRoot;
use crate::task::{
    ByTask, Cancellation, Outcome, Services, TaskContext, TaskError, TaskResult, TaskSet,
    UNSUPPORTED,
};
use crate::trace::{self, TaskSpan};
use crate::transport::RunningTask;
use watch::Watch;

/// Whom the supervisor talks to.
pub(crate) struct Neighbours {
    pub(crate) capacity: Recipient<ClaimType>,
    pub(crate) untyped: Recipient<TaskCame>,
    pub(crate) withdraw: Recipient<WithdrawClaim>,
    pub(crate) courier: Recipient<DeliverResult>,
    pub(crate) heartbeat: StateNews,
    /// Takes note of a task before it runs, unless there is no journal.
    pub(crate) journal: Option<Notebook>,
}

/// Owns the running tasks.
pub(crate) struct TaskSupervisor {
    registry: Registry,
    services: Arc<Services>,
    files: FilesRoot,
    placement: Placement,
    watch: Watch,
    times: TaskTimes,
    grace: Duration,
    neighbours: Neighbours,
    tasks: ByTask<Entry>,
    /// Came a moment ago; the journal learns of those that do not begin at once.
    fresh: Vec<TaskKey>,
    /// Reported as ended, but the handler still runs.
    abandoned: TaskSet,
    /// Empty, with room for those that end together.
    ended: Vec<Ended>,
    early: EarlyCancels,
}

impl TaskSupervisor {
    pub(crate) fn new(
        registry: Registry,
        services: Arc<Services>,
        files: FilesRoot,
        placement: Placement,
        grace: Duration,
        neighbours: Neighbours,
    ) -> Self {
        Self {
            registry,
            services,
            files,
            placement,
            watch: Watch::default(),
            times: TaskTimes::default(),
            grace,
            neighbours,
            tasks: ByTask::default(),
            fresh: Vec::new(),
            abandoned: TaskSet::default(),
            ended: Vec::new(),
            early: EarlyCancels::default(),
        }
    }

    /// Has a task that has its slots run.
    fn run(&mut self, key: &TaskKey, permit: Permit, ctx: &mut Context<Self>) {
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        let Some(Waiting { task, job, rules }) = entry.start() else {
            return;
        };
        let span = entry.span.clone();
        debug!(parent: span.span(), "task starts");
        self.services.board.task_began(key);
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
        let run = RunTask {
            key: key.clone(),
            job,
            params,
            params_metadata,
            context,
            permit,
        };
        if self.placement.place(run) {
            self.attend_soon(ctx);
        }
    }

    /// Ends a task: out of the books, and its result on the way.
    fn finish(&mut self, key: &TaskKey, outcome: Outcome, ran_for: Duration) {
        let Some(entry) = self.tasks.remove(key) else {
            return;
        };
        self.times.lift(entry.limit);
        let status = outcome.status();
        let seconds = ran_for.as_secs_f64();
        let span = entry.span.span();
        match &outcome {
            Outcome::Failed(error) => warn!(parent: span, %error, seconds, "task failed"),
            _ => debug!(parent: span, status, seconds, "task ended"),
        }
        trace::ended(span, &outcome);
        self.services.board.task_ended(key, &outcome);
        let result = TaskResult {
            origin: key.origin,
            task_id: key.id.clone(),
            job_id: entry.job_id,
            name: entry.name,
            outcome,
            ran_for,
            task_metadata: entry.metadata,
        };
        self.neighbours.courier.do_send(DeliverResult {
            result,
            files: Some(entry.files),
        });
        self.neighbours.heartbeat.tell();
    }
}

impl Actor for TaskSupervisor {
    type Context = Context<Self>;
}

impl Handler<StartTask> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, start: StartTask, ctx: &mut Self::Context) {
        let StartTask { task, mut permit } = start;
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
            let result = TaskResult::of(&task, Outcome::Failed(error), Duration::ZERO);
            drop(permit);
            self.neighbours.courier.do_send(DeliverResult {
                result,
                files: None,
            });
            return;
        };
        let now = Instant::now();
        if self.early.meant(key.origin, &key.id, &task.job_id, now) {
            info!(task_id = %task.id, "called off before it came");
            let result = TaskResult::of(&task, Outcome::Cancelled, Duration::ZERO);
            drop(permit);
            self.neighbours.courier.do_send(DeliverResult {
                result,
                files: None,
            });
            return;
        }
        let kind = registration.entry.kind.clone();
        let limit = limits::time_limit(&task, registration.timeout);
        let handler = registration.entry.name.as_str();
        self.services
            .board
            .task_came(&key, &task.job_id, &task.name, handler);
        self.neighbours.heartbeat.tell();
        let cancellation = Cancellation::new();
        let files = self.files.of_task(&task, &cancellation);
        let origin = self.services.board.link(task.origin.0);
        let span = TaskSpan::open(&task, origin.map_or("", |link| link.name()));
        let (job, rules) = (registration.job.clone(), registration.rules.clone());
        let waiting = Waiting { task, job, rules };
        let entry = Entry::new(waiting, cancellation, files, span);
        self.tasks.insert(key.clone(), entry);
        if let Some(limit) = limit {
            self.limit(&key, limit, now, ctx);
        }
        if kind.is_none() {
            permit.become_untyped();
            self.neighbours.untyped.do_send(TaskCame);
            self.note_started(&key, permit, ctx);
        } else {
            self.note_if_it_waits(&key, ctx);
            self.neighbours
                .capacity
                .do_send(ClaimType { key, kind, permit });
        }
    }
}

impl Handler<ClaimAnswered> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, claim: ClaimAnswered, ctx: &mut Self::Context) {
        match claim.permit {
            // A task that was called off meanwhile is gone; the permit goes back.
            Some(permit) => self.note_started(&claim.key, permit, ctx),
            None => {
                let error = TaskError::new(
                    crate::ErrorCode::LimitExceeded,
                    "this worker takes no tasks of this type",
                );
                self.finish(&claim.key, Outcome::Failed(error), Duration::ZERO);
            }
        }
    }
}

impl Handler<TasksEnded> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, _: TasksEnded, ctx: &mut Self::Context) {
        let mut ended = std::mem::take(&mut self.ended);
        self.placement.take_ended(&mut ended);
        for task in ended.drain(..) {
            self.ended(task);
        }
        self.ended = ended;
        self.rest_if_idle(ctx);
    }
}

impl TaskSupervisor {
    fn ended(&mut self, task: Ended) {
        let Ended {
            key,
            outcome,
            ran_for,
            permit,
            rest,
        } = task;
        drop(rest);
        // Before the result goes out, so that the slot counts as free when it arrives.
        drop(permit);
        if self.abandoned.remove(&key) {
            self.services.board.set_abandoned(self.abandoned.len());
            return;
        }
        let Some(entry) = self.tasks.get(&key) else {
            return;
        };
        let outcome = match entry.cancellation.reason() {
            Some(reason) => entry::end_of(reason, outcome),
            None => outcome,
        };
        self.finish(&key, outcome, ran_for);
    }
}

impl Handler<GetRunning> for TaskSupervisor {
    type Result = MessageResult<GetRunning>;

    fn handle(&mut self, _: GetRunning, _: &mut Self::Context) -> Self::Result {
        let running = |(key, entry): (&TaskKey, &Entry)| RunningTask {
            task_id: key.id.clone(),
            job_id: entry.job_id.clone(),
        };
        MessageResult(self.tasks.iter().map(running).collect())
    }
}
