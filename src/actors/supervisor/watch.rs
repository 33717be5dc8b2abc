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
    /// When this turn began, if its end is to see to tasks.
    turn: Option<Instant>,
    /// Another look; never two.
    later: Option<(Instant, SpawnHandle)>,
}

impl Watch {
    /// A task is put into the queue. Says when, which is the same for all of one turn.
    pub(super) fn turn(&mut self, ctx: &mut Context<TaskSupervisor>) -> Instant {
        if let Some(began) = self.turn {
            return began;
        }
        // Futures of an actor come after the messages that it has.
        let end = fut::ready(()).map(
            |(), supervisor: &mut TaskSupervisor, ctx: &mut Context<TaskSupervisor>| {
                supervisor.watch.turn = None;
                supervisor.attend(ctx);
            },
        );
        ctx.spawn(end);
        *self.turn.insert(Instant::now())
    }
}

impl TaskSupervisor {
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
