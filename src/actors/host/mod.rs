//! Where handlers run: one host per handler thread, and one queue for all of them.

mod look;
mod queue;
mod returns;
mod run;

use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;

use look::{Lookout, Seat};
pub(crate) use queue::TaskQueue;
pub(crate) use returns::{Ended, Returns, TasksEnded};
pub(crate) use run::{RunTask, Runner};

use crate::status::Ping;

/// There are tasks in the queue.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Look;

/// Runs handlers on its thread.
pub(crate) struct TaskHost {
    seat: Rc<Seat>,
}

impl TaskHost {
    /// The thread at this place of those that share the queue.
    pub(crate) fn new(place: usize, queue: Arc<TaskQueue<RunTask>>, runner: Runner) -> Self {
        let seat = Rc::new(Seat {
            place,
            queue,
            runner,
        });
        Self { seat }
    }
}

impl Actor for TaskHost {
    type Context = Context<Self>;
}

impl Handler<Look> for TaskHost {
    type Result = ();

    fn handle(&mut self, _: Look, _: &mut Self::Context) {
        Lookout::post(self.seat.clone());
    }
}

impl Handler<Ping> for TaskHost {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
