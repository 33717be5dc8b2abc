//! When the time of tasks is up: their own time first, then, once they are cancelled, the
//! time that their handlers have to stop.
//!
//! One queue holds all limits, so that many tasks with a limit each cost the others nothing.
//! Timers of the actor would: actix polls each of them whenever a message comes.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, SystemTime};

use actix::prelude::*;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use super::TaskSupervisor;
use crate::task::{CancelReason, Task, TaskKey};

/// The queue panics for what is more than two years ahead; a limit that is farther off than
/// this is set again when this has passed.
const FARTHEST: Duration = Duration::from_hours(365 * 24);

/// The limits of all tasks.
#[derive(Default)]
pub(super) struct TimeLimits(DelayQueue<TaskKey>);

/// The limit of one task.
pub(super) struct Limit {
    at: Instant,
    key: Key,
}

impl TimeLimits {
    fn set(&mut self, task: TaskKey, at: Instant, now: Instant) -> Limit {
        let key = self.0.insert_at(task, at.min(now + FARTHEST));
        Limit { at, key }
    }

    /// Removes the limit of a task that has ended, or gets another one.
    pub(super) fn lift(&mut self, limit: Option<Limit>) {
        if let Some(limit) = limit {
            self.0.remove(&limit.key);
        }
    }
}

impl TaskSupervisor {
    /// Replaces the task's time limit. A limit that overflows `Instant` means none.
    pub(super) fn limit(&mut self, task: &TaskKey, time: Duration, now: Instant) {
        if let Some(entry) = self.tasks.get_mut(task) {
            self.limits.lift(entry.limit.take());
            let at = now.checked_add(time);
            entry.limit = at.map(|at| self.limits.set(task.clone(), at, now));
        }
    }

    fn time_is_up(&mut self, task: &TaskKey) {
        let Some(entry) = self.tasks.get_mut(task) else {
            return;
        };
        let Some(limit) = entry.limit.take() else {
            return;
        };

        let now = Instant::now();
        if limit.at > now {
            entry.limit = Some(self.limits.set(task.clone(), limit.at, now));
        } else if entry.cancellation.is_cancelled() {
            self.abandon(task, now);
        } else {
            self.cancel(task, CancelReason::TimedOut, now);
        }
    }
}

/// Has the supervisor act when the time of a task is up.
pub(super) fn watch(ctx: &mut Context<TaskSupervisor>) {
    ctx.spawn(Watch);
}

/// Ends with the last address of the supervisor, which it would keep alive otherwise.
struct Watch;

impl ActorFuture<TaskSupervisor> for Watch {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        supervisor: &mut TaskSupervisor,
        ctx: &mut Context<TaskSupervisor>,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        while let Poll::Ready(Some(due)) = supervisor.limits.0.poll_expired(cx) {
            supervisor.time_is_up(&due.into_inner());
        }
        if ctx.connected() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// By how much the deadline of a task had passed when it came, if it had.
pub(super) fn overdue(task: &Task) -> Option<Duration> {
    SystemTime::now().duration_since(task.deadline?).ok()
}

/// The time a task has when it comes: the nearest of all limits.
pub(super) fn time_limit(task: &Task, of_handler: Option<Duration>) -> Option<Duration> {
    let until_deadline = task.deadline.map(|at| {
        at.duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO)
    });
    [until_deadline, task.timeout, of_handler]
        .into_iter()
        .flatten()
        .min()
}
