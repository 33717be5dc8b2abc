//! The queue of the handler threads: one channel that all of them receive from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_channel::{Receiver, Sender};

/// After so many withdrawn tasks their empty places are taken out of the queue. Usually
/// threads have done that before; not while all of them are blocked.
pub(super) const WITHDRAWN: usize = 1024;

/// A place in the queue. It is empty once a thread has the task, or the task was withdrawn.
pub(crate) struct Place<T>(Arc<Mutex<Option<T>>>);

impl<T> Place<T> {
    fn new(task: Option<T>) -> Self {
        Self(Arc::new(Mutex::new(task)))
    }

    pub(super) fn take(&self) -> Option<T> {
        self.task().take()
    }

    fn task(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The supervisor's end of the queue.
///
/// The channel wakes one idle thread for each task. If a handler has blocked that thread
/// meanwhile, the task waits although others are idle. So [`TaskQueue::wake_all`] has to
/// follow a [`TaskQueue::push`] in a moment: once is enough, for a thread that is awake
/// sleeps only when it has found the queue empty.
pub(crate) struct TaskQueue<T> {
    sender: Sender<Place<T>>,
    /// Boxed, for actors must be `Unpin`, and a receiver is not.
    receiver: Box<Receiver<Place<T>>>,
    threads: usize,
    /// The empty place that woke all threads, for as long as it is in the queue.
    wake: Weak<Mutex<Option<T>>>,
    withdrawn: usize,
}

impl<T> TaskQueue<T> {
    pub(crate) fn new(threads: usize) -> Self {
        let (sender, receiver) = async_channel::unbounded();
        Self {
            sender,
            receiver: Box::new(receiver),
            threads,
            wake: Weak::new(),
            withdrawn: 0,
        }
    }

    /// What a thread receives from.
    pub(crate) fn places(&self) -> Receiver<Place<T>> {
        Receiver::clone(&self.receiver)
    }

    /// Puts a task in, and wakes an idle thread.
    pub(crate) fn push(&self, task: T) -> Place<T> {
        let place = Place::new(Some(task));
        self.put(place.clone());
        place
    }

    /// Returns `true` if [`TaskQueue::wake_all`] can be of use.
    pub(crate) fn has_other_threads(&self) -> bool {
        self.threads > 1
    }

    /// Wakes every idle thread if anything is in the queue: those that were woken for it may
    /// be blocked.
    pub(crate) fn wake_all(&mut self) {
        // As long as what woke all threads is in the queue, none of them sleeps again.
        if self.receiver.is_empty() || self.wake.strong_count() > 0 {
            return;
        }

        // The channel wakes one more thread for each thing that is sent.
        let empty = Place::new(None);
        self.wake = Arc::downgrade(&empty.0);
        for _ in 0..self.threads {
            self.put(empty.clone());
        }
    }

    /// Takes a task out and drops it. Returns `false` if a thread has it already.
    pub(crate) fn withdraw(&mut self, place: &Place<T>) -> bool {
        let task = place.take();
        let is_withdrawn = task.is_some();
        drop(task);

        self.withdrawn += usize::from(is_withdrawn);
        if self.withdrawn >= WITHDRAWN {
            self.withdrawn = 0;
            self.sweep();
        }
        is_withdrawn
    }

    /// Takes empty places out.
    fn sweep(&self) {
        for _ in 0..self.receiver.len() {
            match self.receiver.try_recv() {
                Ok(place) if place.task().is_some() => self.put(place),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn put(&self, place: Place<T>) {
        // It has no bound, and nobody else closes it.
        let _ = self.sender.try_send(place);
    }
}

impl<T> Drop for TaskQueue<T> {
    /// Drops what is left, although a thread that is stuck may keep its end for ever.
    fn drop(&mut self) {
        self.sender.close();
        while let Ok(place) = self.receiver.try_recv() {
            drop(place.take());
        }
    }
}
