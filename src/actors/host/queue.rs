//! The tasks that wait for a handler thread, in one queue for all threads: the control
//! thread puts them in, the handler threads take them out. Tasks are dropped and
//! threads called after the lock is released.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::policy::Crew;

/// Has a thread look into the queue.
type Call = Box<dyn Fn(usize) + Send + Sync>;

/// The queue, and who of the threads looks into it.
pub(crate) struct TaskQueue<T> {
    inside: Mutex<Inside<T>>,
    /// Given once the threads are there.
    call: OnceLock<Call>,
}

struct Inside<T> {
    waiting: VecDeque<Waiting<T>>,
    crew: Crew,
}

struct Waiting<T> {
    task: T,
    /// Whether it works on the thread, rather than passes through.
    works_there: bool,
    since: Instant,
}

/// A task that a thread has taken.
pub(super) struct Taken<T> {
    pub(super) task: T,
    pub(super) works_there: bool,
}

impl<T> TaskQueue<T> {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            inside: Mutex::new(Inside {
                waiting: VecDeque::new(),
                crew: Crew::new(threads),
            }),
            call: OnceLock::new(),
        }
    }

    /// How a thread is called, by its place. Before the first task.
    pub(crate) fn open(&self, call: impl Fn(usize) + Send + Sync + 'static) {
        let _ = self.call.set(Box::new(call));
    }

    fn inside(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread look into the queue. Not for one that looks already.
    pub(super) fn call(&self, thread: usize) {
        if let Some(call) = self.call.get() {
            call(thread);
        }
    }

    /// Puts a task in. [`TaskQueue::attend`] has to follow.
    pub(crate) fn push(&self, task: T, works_there: bool, now: Instant) {
        self.inside().waiting.push_back(Waiting {
            task,
            works_there,
            since: now,
        });
    }

    /// Wakes a thread if those that are awake do not keep up. Says after what time to
    /// attend again, if it is not certain that a thread comes for what waits.
    pub(crate) fn attend(&self, now: Instant) -> Option<Duration> {
        let mut inside = self.inside();
        let called = inside.call(now);
        let again = inside.crew.look_again(called, inside.waiting.len());
        drop(inside);
        if let Some(thread) = called {
            self.call(thread);
        }
        again
    }

    /// Takes a task out that is not wanted any more, if no thread has it yet.
    pub(crate) fn withdraw(&self, is_meant: impl Fn(&T) -> bool) -> Option<T> {
        let mut inside = self.inside();
        let found = |waiting: &Waiting<T>| is_meant(&waiting.task);
        let place = inside.waiting.iter().position(found)?;
        inside.waiting.remove(place).map(|waiting| waiting.task)
    }

    /// Drops what is left, although a thread that is stuck may keep the queue for ever.
    pub(crate) fn clear(&self) {
        let left = std::mem::take(&mut self.inside().waiting);
        drop(left);
    }

    /// The next task for a thread that looks. `None`: it rests until it is called.
    pub(super) fn next(&self, me: usize, now: Instant) -> Option<Taken<T>> {
        let mut inside = self.inside();
        if inside.waiting.is_empty() {
            inside.crew.rests(me);
            return None;
        }
        if let Some(other) = inside.crew.give_way(me, now) {
            drop(inside);
            self.call(other);
            return None;
        }
        let next = inside.waiting.pop_front()?;
        inside.crew.took(me, next.works_there, now);
        let called = inside.call(now);
        drop(inside);
        if let Some(thread) = called {
            self.call(thread);
        }
        Some(Taken {
            task: next.task,
            works_there: next.works_there,
        })
    }

    /// Whether a thread that looks should go on. `false`: it rests until it is called.
    pub(super) fn has_more(&self, me: usize) -> bool {
        let mut inside = self.inside();
        let is_empty = inside.waiting.is_empty();
        if is_empty {
            inside.crew.rests(me);
        }
        !is_empty
    }

    /// A task that worked on this thread is over.
    pub(super) fn ended(&self, me: usize) {
        self.inside().crew.ended(me);
    }
}

impl<T> Inside<T> {
    /// Whom to call for what waits.
    fn call(&mut self, now: Instant) -> Option<usize> {
        let oldest = self.waiting.front()?.since;
        self.crew.call(oldest, now)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
