//! The way to the journal, for the actors that have something to record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use actix::prelude::*;
use tracing::{error, warn};

use super::{CloseJournal, JournalEntry, Received, Record};
use crate::task::{TaskKey, TaskResult};

/// So many records wait at most for a disk that does not answer.
const MOST_WAITING: usize = 10_000;
/// How long the journal may take to be closed.
const CLOSING: Duration = Duration::from_secs(3);

/// Sends records to the keeper of the journal.
#[derive(Clone)]
pub(crate) struct JournalHandle(Arc<Inner>);

struct Inner {
    keeper: Recipient<Record>,
    close: Recipient<CloseJournal>,
    /// Whether the keeper's disk does not answer.
    is_stalled: AtomicBool,
    /// Records that were sent nevertheless.
    waiting: AtomicUsize,
}

impl JournalHandle {
    #[cfg(feature = "journal")]
    pub(crate) fn new(keeper: Recipient<Record>, close: Recipient<CloseJournal>) -> Self {
        Self(Arc::new(Inner {
            keeper,
            close,
            is_stalled: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Whether the keeper is there.
    pub(crate) fn is_open(&self) -> bool {
        self.0.keeper.connected()
    }

    /// Whether the keeper's disk does not answer.
    pub(crate) fn is_stalled(&self) -> bool {
        self.0.is_stalled.load(Ordering::Relaxed)
    }

    /// Says whether the keeper's disk answers. As long as it does not, few records are
    /// sent, for they stay in memory.
    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.0.waiting.store(0, Ordering::Relaxed);
        self.0.is_stalled.store(stalled, Ordering::Relaxed);
    }

    /// Records that a task came. Returns whether the record is on its way.
    pub(crate) fn received(&self, task: Received) -> bool {
        self.send(JournalEntry::Received(task))
    }

    /// Records a result. Returns whether the record is on its way.
    pub(crate) fn finished(&self, result: &Arc<TaskResult>) -> bool {
        // It may be large, and would be kept after its delivery.
        !self.is_stalled() && self.send(JournalEntry::Finished(result.clone()))
    }

    /// Records that a result was answered for good.
    pub(crate) fn delivered(&self, key: TaskKey) {
        self.send(JournalEntry::Delivered(key));
    }

    /// Records that the worker was told to end.
    pub(crate) fn ending(&self) {
        self.send(JournalEntry::Ending);
    }

    /// Records that orchestrators may hold polls of this worker for so long from now on.
    pub(crate) fn polls_held(&self, held: Duration) {
        if let Some(until) = SystemTime::now().checked_add(held) {
            self.send(JournalEntry::Polls(until));
        }
    }

    fn send(&self, entry: JournalEntry) -> bool {
        if self.is_stalled() {
            let waiting = self.0.waiting.fetch_add(1, Ordering::Relaxed);
            if waiting == MOST_WAITING {
                error!("too many records wait for the disk, further ones are dropped");
            }
            if waiting >= MOST_WAITING {
                return false;
            }
        }
        self.0.keeper.do_send(Record(entry));
        true
    }

    /// Has everything written and the files closed. Returns how many results are kept for
    /// the next process; 0 if the disk does not answer in time.
    pub(crate) async fn close(&self, within: Duration) -> usize {
        let within = CLOSING.min(within);
        match tokio::time::timeout(within, self.0.close.send(CloseJournal)).await {
            Ok(kept) => kept.unwrap_or(0),
            Err(_) => {
                warn!("the journal was not closed in time: its disk does not answer");
                0
            }
        }
    }
}
