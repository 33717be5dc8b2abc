//! When the time of tasks is up: their own time first, then, once they are called off,
//! the time that their handlers have to let go.
//!
//! One alarm for all of them, outside of the actor: actix looks at every timer of an
//! actor whenever a message comes, which many tasks with a timer each would make slow.

use std::time::{Duration, SystemTime};

use actix::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::TaskSupervisor;
use crate::policy::{Limit, Limits};
use crate::task::{CancelReason, Task, TaskKey};

/// The alarm for this moment rings.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct TimeUp(Instant);

/// The limits of all tasks.
#[derive(Default)]
pub(super) struct TaskTimes {
    limits: Limits<TaskKey>,
    alarm: Option<JoinHandle<()>>,
}

impl TaskTimes {
    /// The task does not need its limit any more.
    pub(super) fn lift(&mut self, limit: Option<Limit>) {
        if let Some(limit) = limit {
            self.limits.lift(limit);
        }
    }

    fn set_alarm(&mut self, ctx: &Context<TaskSupervisor>) {
        let Some(at) = self.limits.alarm() else {
            return;
        };
        if let Some(later) = self.alarm.take() {
            later.abort();
        }
        // It may ring long after the last task has ended, and keeps nobody alive for that.
        let supervisor = ctx.address().downgrade();
        self.alarm = Some(actix_rt::spawn(async move {
            tokio::time::sleep_until(at).await;
            if let Some(supervisor) = supervisor.upgrade() {
                supervisor.do_send(TimeUp(at));
            }
        }));
    }
}

impl TaskSupervisor {
    /// Gives a task so much time from now on, in place of what it had. What is longer than
    /// time can tell is no limit.
    pub(super) fn limit(
        &mut self,
        key: &TaskKey,
        time: Duration,
        now: Instant,
        ctx: &Context<Self>,
    ) {
        if let Some(entry) = self.tasks.get_mut(key) {
            self.times.lift(entry.limit.take());
            let at = now.checked_add(time);
            entry.limit = at.map(|at| self.times.limits.set(at, key.clone()));
            self.times.set_alarm(ctx);
        }
    }
}

impl Handler<TimeUp> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, TimeUp(at): TimeUp, ctx: &mut Self::Context) {
        self.times.limits.rang(at);
        let now = Instant::now();
        while let Some(key) = self.times.limits.take_due(now) {
            let Some(entry) = self.tasks.get_mut(&key) else {
                continue;
            };
            entry.limit = None;
            if entry.cancellation.is_cancelled() {
                self.abandon(&key, now);
            } else {
                self.cancel(&key, CancelReason::TimedOut, now, ctx);
            }
        }
        self.times.set_alarm(ctx);
    }
}

impl Drop for TaskTimes {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            alarm.abort();
        }
    }
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
