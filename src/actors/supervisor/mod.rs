//! The running tasks: from hand-out to result, whatever happens on the way.

mod cancel;
mod early;
mod ending;
mod entry;
mod journal_watch;
mod limits;
mod messages;
mod recording;
mod starting;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

pub(crate) use crate::task::TaskKey;
use early::EarlyCancels;
use entry::Entry;
use limits::TimeLimits;
pub(crate) use messages::{
    AbandonAll, CancelTask, ClaimAnswered, DeliverResult, GetRunning, InterruptAll, StartTask,
    TaskFinished,
};
#[cfg(feature = "journal")]
pub(crate) use recording::JournalAck;
use recording::Recording;

use super::capacity::{ClaimType, WithdrawClaim};
use super::heartbeat::StateChanged;
use super::host::{QueuedTask, TaskQueue};
use super::journal::JournalHandle;
use crate::handler::Registry;
use crate::storage::FilesRoot;
use crate::task::Services;
use crate::transport::RunningTask;

/// Whom the supervisor talks to.
pub(crate) struct Neighbours {
    pub(crate) capacity: Recipient<ClaimType>,
    pub(crate) withdraw: Recipient<WithdrawClaim>,
    pub(crate) results: Recipient<DeliverResult>,
    pub(crate) heartbeat: Recipient<StateChanged>,
    /// Records a task before it runs, unless there is no journal.
    pub(crate) journal: Option<JournalHandle>,
}

/// Owns the running tasks.
pub(crate) struct TaskSupervisor {
    registry: Registry,
    services: Arc<Services>,
    files: FilesRoot,
    queue: TaskQueue<QueuedTask>,
    /// The queue is looked at in a moment.
    looks_soon: bool,
    limits: TimeLimits,
    grace: Duration,
    neighbours: Neighbours,
    tasks: HashMap<TaskKey, Entry>,
    recording: Recording,
    /// Numbers the hand-outs.
    attempts: u64,
    /// Reported as ended, but the handler still runs: by the number of the hand-out, for the
    /// same task may be handed out again meanwhile.
    abandoned: HashSet<u64>,
    early: EarlyCancels,
}

impl TaskSupervisor {
    pub(crate) fn new(
        registry: Registry,
        services: Arc<Services>,
        files: FilesRoot,
        queue: TaskQueue<QueuedTask>,
        grace: Duration,
        neighbours: Neighbours,
    ) -> Self {
        Self {
            registry,
            services,
            files,
            queue,
            looks_soon: false,
            limits: TimeLimits::default(),
            grace,
            neighbours,
            tasks: HashMap::new(),
            recording: Recording::default(),
            attempts: 0,
            abandoned: HashSet::new(),
            early: EarlyCancels::default(),
        }
    }
}

impl Actor for TaskSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        limits::watch(ctx);
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
