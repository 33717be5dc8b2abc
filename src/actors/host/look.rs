//! One thread's way through the queue: it takes a task, begins it, and takes the next.
//!
//! Most tasks are small and over after their first step, so one future runs many of
//! them. A task that has to wait keeps that future for itself, and a new one looks on.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::queue::{Taken, TaskQueue};
use super::run::{RunTask, Runner};
use crate::policy::Spell;

/// What a handler thread works with.
pub(super) struct Seat {
    /// Which thread it is.
    pub(super) place: usize,
    pub(super) queue: Arc<TaskQueue<RunTask>>,
    pub(super) runner: Runner,
}

/// The one who looks into the queue on a thread; never two.
pub(super) struct Lookout {
    seat: Rc<Seat>,
    /// Whether the thread is still awake in the eyes of the queue.
    is_awake: bool,
}

impl Lookout {
    /// For a thread that was called.
    pub(super) fn post(seat: Rc<Seat>) {
        let is_awake = true;
        actix_rt::spawn(Self { seat, is_awake }.look());
    }

    async fn look(mut self) {
        let mut now = Instant::now();
        let mut spell = Spell::begin(now);
        while let Some(task) = self.next(now) {
            let live = Live::of(&task, &self.seat);
            let mut run = pin!(self.seat.runner.run(task.task));
            let first = poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await;
            if first.is_pending() {
                self.hand_over();
                run.await;
                drop(live);
                return;
            }
            now = Instant::now();
            if spell.is_over(now) {
                tokio::task::yield_now().await;
                now = Instant::now();
                spell = Spell::begin(now);
            }
        }
    }

    fn next(&mut self, now: Instant) -> Option<Taken<RunTask>> {
        let next = self.seat.queue.next(self.seat.place, now);
        self.is_awake = next.is_some();
        next
    }

    /// Has a new future look on, if there is anything to see. It comes after all that
    /// is ready on this thread.
    fn hand_over(mut self) {
        self.is_awake = false;
        if self.seat.queue.has_more(self.seat.place) {
            Self::post(self.seat.clone());
        }
    }
}

impl Drop for Lookout {
    /// A panic outside of all that is caught, in a destructor of the user's: the thread
    /// must go on looking.
    fn drop(&mut self) {
        if self.is_awake {
            self.seat.queue.call(self.seat.place);
        }
    }
}

/// A task that works on this thread, until it is dropped.
struct Live(Rc<Seat>);

impl Live {
    fn of(task: &Taken<RunTask>, seat: &Rc<Seat>) -> Option<Self> {
        task.works_there.then(|| Self(seat.clone()))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.queue.ended(self.0.place);
    }
}
