//! Where handlers run: one host per handler thread, and one queue for all of them.

mod queue;
#[cfg(test)]
mod queue_tests;
mod run;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::Poll;

use actix::prelude::*;
use async_channel::Receiver;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub(crate) use queue::{Place, TaskQueue};
pub(crate) use run::{QueuedTask, Runner};

use crate::status::Ping;

/// Runs handlers on its thread.
pub(crate) struct TaskHost {
    /// Until the actor starts.
    work: Option<LocalBoxFuture<'static, ()>>,
}

impl TaskHost {
    pub(crate) fn new(queue: Receiver<Place<QueuedTask>>, runner: Runner) -> Self {
        let work = serve(queue, Rc::new(runner)).boxed_local();
        Self { work: Some(work) }
    }
}

impl Actor for TaskHost {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        if let Some(work) = self.work.take() {
            actix_rt::spawn(work);
        }
    }
}

impl Handler<Ping> for TaskHost {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

/// Takes one task after the other, until the worker ends. Each is begun before the next is
/// taken, so that a handler that blocks has nothing behind it but what was begun before.
async fn serve(queue: Receiver<Place<QueuedTask>>, runner: Rc<Runner>) {
    while let Ok(place) = queue.recv().await {
        let Some(task) = place.take() else {
            continue;
        };

        // Handlers are guarded inside; values that middleware put into the task, whose
        // destructors may panic, are dropped here.
        let run = AssertUnwindSafe(runner.clone().run(task)).catch_unwind();
        let mut run = Box::pin(run);
        let first = poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await;
        if first.is_pending() {
            actix_rt::spawn(run);
        }

        // What was begun before has its turn between any two tasks.
        tokio::task::yield_now().await;
    }
}
