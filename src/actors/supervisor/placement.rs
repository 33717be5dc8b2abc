//! Where a task runs: on a handler thread, through their queue, or right here.

use std::sync::Arc;
use std::time::Instant;

use crate::actors::host::{RunTask, Runner, TaskQueue};
use crate::actors::supervisor::TaskKey;

/// The handler threads, and what runs handlers here.
pub(crate) struct Placement {
    queue: Arc<TaskQueue<RunTask>>,
    /// For handlers that run right here.
    here: Runner,
}

impl Placement {
    pub(crate) fn new(queue: Arc<TaskQueue<RunTask>>, here: Runner) -> Self {
        Self { queue, here }
    }

    /// Begins the task, or puts it into the queue. `true`: somebody has to
    /// [`hurry`](Self::hurry) the threads if they are blocked.
    pub(super) fn place(&self, task: RunTask) -> bool {
        if let Some(watch) = task.job.inline().filter(|watch| watch.allows(&task.params)) {
            let name = task.context.name().clone();
            actix_rt::spawn(watch.watched(name, self.here.run(task)));
            return false;
        }
        let works_there = task.job.works_there();
        self.queue.push(task, works_there, Instant::now())
    }

    /// Wakes another thread if tasks wait. `true`: look again.
    pub(super) fn hurry(&self) -> bool {
        self.queue.hurry(Instant::now())
    }

    /// Whether no task waits for a thread.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty()
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
