//! The running tasks: from hand-out to result, whatever happens on the way.

mod cancel;
mod early;
mod ending;
mod entry;
mod journal_watch;
mod limits;
mod messages;
mod placement;
mod recording;
mod starting;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

pub(crate) use crate::task::TaskKey;
use early::EarlyCancels;
use entry::Entry;
use limits::TaskTimes;
pub(crate) use messages::{
    AbandonAll, CancelTask, ClaimAnswered, DeliverResult, GetRunning, InterruptAll, StartTask,
};
pub(crate) use placement::Placement;
#[cfg(feature = "journal")]
pub(crate) use recording::JournalAck;
use recording::Recording;

use super::StateNews;
use super::capacity::{ClaimType, WithdrawClaim};
use super::inbox::Inbox;
use super::journal::JournalHandle;
use crate::handler::Registry;
use crate::storage::FilesRoot;
use crate::task::{ByTask, Services, TaskSet};
use crate::transport::RunningTask;
use watch::Watch;

/// Whom the supervisor talks to.
pub(crate) struct Neighbours {
    pub(crate) capacity: Recipient<ClaimType>,
    pub(crate) withdraw: Recipient<WithdrawClaim>,
    pub(crate) results: Arc<Inbox<DeliverResult>>,
    pub(crate) heartbeat: StateNews,
    /// Records a task before it runs, unless there is no journal.
    pub(crate) journal: Option<JournalHandle>,
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
    /// Tasks that were handed out to us.
    found: Arc<Inbox<StartTask>>,
    recording: Recording,
    /// Reported as ended, but the handler still runs.
    abandoned: TaskSet,
    early: EarlyCancels,
}

impl TaskSupervisor {
    pub(crate) fn new(
        registry: Registry,
        services: Arc<Services>,
        files: FilesRoot,
        found: Arc<Inbox<StartTask>>,
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
            found,
            recording: Recording::default(),
            abandoned: TaskSet::default(),
            early: EarlyCancels::default(),
        }
    }
}

impl Actor for TaskSupervisor {
    type Context = Context<Self>;
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
