//! Where a task runs: on a handler thread, through their queue, or right here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::actors::host::{Returns, RunTask, Runner, TaskQueue};
use crate::actors::supervisor::TaskKey;

/// The handler threads, and what runs handlers here.
pub(crate) struct Placement {
    queue: Arc<TaskQueue<RunTask>>,
    returns: Arc<Returns>,
    /// For handlers that run right here.
    here: Runner,
}

impl Placement {
    pub(crate) fn new(queue: Arc<TaskQueue<RunTask>>, returns: Arc<Returns>, here: Runner) -> Self {
        Self {
            queue,
            returns,
            here,
        }
    }

    /// Where those come that have ended.
    pub(super) fn returns(&self) -> Arc<Returns> {
        self.returns.clone()
    }

    /// Begins the task, or puts it into the queue. `since`: asked only if it has to wait;
    /// then [`attend`](Self::attend) has to follow.
    pub(super) fn place(&self, task: RunTask, since: impl FnOnce() -> Instant) {
        if let Some(watch) = task.job.inline().filter(|watch| watch.allows(&task.params)) {
            let name = task.context.name().clone();
            actix_rt::spawn(watch.watched(name, self.here.run(task)));
            return;
        }
        let works_there = task.job.works_there();
        self.queue.push(task, works_there, since());
    }

    /// Wakes a thread for what waits, if need be. Says after what time to attend again.
    pub(super) fn attend(&self, now: Instant) -> Option<Duration> {
        self.queue.attend(now)
    }

    /// Drops a task that no thread has begun. `false`: one has.
    pub(super) fn withdraw(&self, key: &TaskKey) -> bool {
        self.queue.withdraw(|task| task.key == *key).is_some()
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        self.queue.clear();
    }
}
