//! Records of results in the journal, if there is one. A result goes out without waiting
//! for its record: until that is written, the journal takes the task for one that runs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actors::journal::JournalHandle;
use crate::task::{TaskKey, TaskResult};

/// Sends records of results.
pub(super) struct ResultRecords {
    journal: Option<JournalHandle>,
    /// Undelivered results that the journal could not take, for its disk does not answer.
    unrecorded: HashMap<TaskKey, Arc<TaskResult>>,
}

impl ResultRecords {
    pub(super) fn new(journal: Option<JournalHandle>) -> Self {
        Self {
            journal,
            unrecorded: HashMap::new(),
        }
    }

    /// Whether results outlive the process.
    pub(super) fn are_kept(&self) -> bool {
        self.journal.is_some()
    }

    /// Records a result.
    pub(super) fn finished(&mut self, result: &Arc<TaskResult>) {
        self.catch_up();
        if let Some(journal) = &self.journal
            && !journal.finished(result)
        {
            self.unrecorded.insert(key_of(result), result.clone());
        }
    }

    /// Records that a result was answered for good.
    pub(super) fn delivered(&mut self, result: &TaskResult) {
        if let Some(journal) = &self.journal {
            let key = key_of(result);
            self.unrecorded.remove(&key);
            journal.delivered(key);
        }
        self.catch_up();
    }

    /// Records what could not be recorded, once the disk answers again.
    fn catch_up(&mut self) {
        if self.unrecorded.is_empty() {
            return;
        }
        if let Some(journal) = &self.journal {
            self.unrecorded
                .retain(|_, result| !journal.finished(result));
        }
    }
}

fn key_of(result: &TaskResult) -> TaskKey {
    TaskKey::new(result.origin, result.task_id.clone())
}
