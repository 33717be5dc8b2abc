//! The state that the stand-in's thread and the bench share.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::answers::{Answers, number_in};
use super::book::Book;
use super::commands::Commands;
use super::{ENDLESS, Work};

/// What was asked of the orchestrator so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polls: AtomicU64,
    pub(crate) tasks: AtomicU64,
    pub(crate) results: AtomicU64,
    pub(crate) beats: AtomicU64,
}

/// What requests meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Every answer is a 503.
    Unavailable,
    /// Every connection is closed in place of an answer. Of results, every second one
    /// has been taken nevertheless.
    Dropped,
}

pub(super) struct Desk {
    pub(super) answers: Answers,
    /// How many tasks there are, with those that went out.
    supply: AtomicU64,
    one_by_one: bool,
    pub(super) counts: Counts,
    book: Option<Mutex<Book>>,
    /// Polls wait here for tasks.
    pub(super) news: Notify,
    pub(super) registered: OnceLock<Instant>,
    pub(super) commands: Commands,
    fault: AtomicU8,
    /// Whether the next dropped result is taken.
    takes_dropped: AtomicBool,
}

impl Desk {
    pub(super) fn new(work: Work) -> Self {
        Self {
            answers: Answers::new(work.task, &work.params),
            supply: AtomicU64::new(work.supply),
            one_by_one: work.one_by_one,
            counts: Counts::default(),
            book: work.notes.then(Mutex::default),
            news: Notify::new(),
            registered: OnceLock::new(),
            commands: Commands::default(),
            fault: AtomicU8::new(0),
            takes_dropped: AtomicBool::new(false),
        }
    }

    fn book(&self) -> Option<MutexGuard<'_, Book>> {
        let book = self.book.as_ref()?;
        Some(book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn noted(&self) -> Book {
        self.book().map(|book| book.clone()).unwrap_or_default()
    }

    pub(super) fn offer(&self, due: Instant) {
        let number = self.supply.load(Relaxed);
        if number == ENDLESS {
            return;
        }
        if let Some(mut book) = self.book() {
            book.entry(number).due = Some(due);
        }
        self.supply.store(number + 1, Relaxed);
        self.news.notify_one();
    }

    /// The number of the next task, if there is one to give. Only the stand-in's thread asks.
    pub(super) fn next_task(&self) -> Option<u64> {
        let given = self.counts.tasks.load(Relaxed);
        let is_out = self.one_by_one && given > self.counts.results.load(Relaxed);
        if given >= self.supply.load(Relaxed) || is_out {
            return None;
        }
        self.counts.tasks.store(given + 1, Relaxed);
        if let Some(mut book) = self.book() {
            book.entry(given).handed = Some(Instant::now());
        }
        Some(given)
    }

    pub(super) fn take_result(&self, body: &[u8]) {
        let before = self.counts.results.fetch_add(1, Relaxed);
        if let Some(mut book) = self.book() {
            if let Some(number) = number_in(body) {
                let entry = book.entry(number);
                entry.done.get_or_insert_with(Instant::now);
                entry.results += 1;
            }
            book.failures += u64::from(is_failure(body));
        } else if before == 0 && is_failure(body) {
            eprintln!("a task failed: {}", String::from_utf8_lossy(body));
        }
        if self.one_by_one {
            self.news.notify_one();
        }
    }

    pub(super) fn take_beat(&self) {
        self.counts.beats.fetch_add(1, Relaxed);
        if let Some(mut book) = self.book() {
            book.beats.push(Instant::now());
        }
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        self.fault.store(fault as u8, Relaxed);
        // Held polls meet it, too.
        self.news.notify_waiters();
    }

    pub(super) fn fault(&self) -> Fault {
        match self.fault.load(Relaxed) {
            0 => Fault::None,
            1 => Fault::Unavailable,
            _ => Fault::Dropped,
        }
    }

    /// A result meets [`Fault::Dropped`].
    pub(super) fn drop_result(&self, body: &[u8]) {
        if self.takes_dropped.fetch_xor(true, Relaxed) {
            self.take_result(body);
        }
    }
}

fn is_failure(body: &[u8]) -> bool {
    body.windows(9).any(|window| window == b"\"failure\"")
}
