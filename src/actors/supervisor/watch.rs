//! Sees to it that handler threads come for the tasks in their queue.
//!
//! A thread is woken at the end of the supervisor's turn, for all tasks of that turn: it
//! takes the processor at once, and would find one task at a time otherwise. If it is not
//! certain that it comes, since handlers may block it, another look follows. That wakes
//! the control thread, so there is none without a task that waits.

use std::time::Instant;

use actix::prelude::*;

use super::TaskSupervisor;

/// What is to come.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The end of this turn.
    is_soon: bool,
    /// Another look; never two.
    later: Option<(Instant, SpawnHandle)>,
}

impl TaskSupervisor {
    /// A task was put into the queue.
    pub(super) fn attend_soon(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.watch.is_soon, true) {
            return;
        }
        // Futures of an actor come after the messages that it has.
        let turn = fut::ready(()).map(|(), supervisor: &mut Self, ctx: &mut Context<Self>| {
            supervisor.watch.is_soon = false;
            supervisor.attend(ctx);
        });
        ctx.spawn(turn);
    }

    fn attend(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let Some(after) = self.placement.attend(now) else {
            return;
        };
        let at = now + after;
        match self.watch.later.take() {
            Some(sooner) if sooner.0 <= at => {
                self.watch.later = Some(sooner);
                return;
            }
            Some((_, later)) => drop(ctx.cancel_future(later)),
            None => {}
        }
        let timer = ctx.run_later(after, |supervisor, ctx| {
            supervisor.watch.later = None;
            supervisor.attend(ctx);
        });
        self.watch.later = Some((at, timer));
    }

    /// A task has ended. With none left there is nothing to look for. Not sooner, for a
    /// timer costs more than a look that comes while there is work anyway.
    pub(super) fn rest_if_idle(&mut self, ctx: &mut Context<Self>) {
        if self.tasks.is_empty()
            && let Some((_, timer)) = self.watch.later.take()
        {
            ctx.cancel_future(timer);
        }
    }
}
