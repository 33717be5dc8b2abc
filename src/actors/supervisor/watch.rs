//! Sees to it that the queue of the handler threads moves when all threads that look into
//! it are blocked by handlers. Only while tasks wait: each look wakes the control thread.

use std::time::Duration;

use actix::prelude::*;

use super::TaskSupervisor;

/// How long a task may wait behind handlers that block, at least.
const A_WHILE: Duration = Duration::from_millis(1);

impl TaskSupervisor {
    /// Tasks wait, and it is not certain that a thread comes for them.
    pub(super) fn watch_queue(&mut self, ctx: &mut Context<Self>) {
        if self.watch.is_some() {
            return;
        }
        let timer = ctx.run_later(A_WHILE, |supervisor, ctx| {
            supervisor.watch = None;
            if supervisor.placement.hurry() {
                supervisor.watch_queue(ctx);
            }
        });
        self.watch = Some(timer);
    }

    /// A task has ended. Perhaps none waits any more.
    pub(super) fn look_at_queue(&mut self, ctx: &mut Context<Self>) {
        if self.watch.is_some() && self.placement.is_settled() {
            self.watch.take().map(|timer| ctx.cancel_future(timer));
        }
    }
}
