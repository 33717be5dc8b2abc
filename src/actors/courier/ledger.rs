//! What the journal hears of results, gathered for a moment: most results are
//! answered before that is over, and then need never be written. Until it is
//! told otherwise, the journal takes the task for one that runs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actors::journal::{Note, Notebook};
use crate::task::{TaskKey, TaskResult};

/// Notes on their way to the journal, if there is one.
pub(super) struct Ledger {
    journal: Option<Notebook>,
    /// Results, and whether they were answered for good.
    batch: HashMap<TaskKey, (Arc<TaskResult>, bool)>,
}

impl Ledger {
    pub(super) fn new(journal: Option<Notebook>) -> Self {
        Self {
            journal,
            batch: HashMap::new(),
        }
    }

    /// Whether results outlive the process.
    pub(super) fn is_kept(&self) -> bool {
        self.journal.is_some()
    }

    /// Notes a result, or that it was answered for good. `true`: this is the first
    /// note of a batch, which has to be sent in a moment.
    pub(super) fn note(&mut self, result: &Arc<TaskResult>, answered: bool) -> bool {
        if self.journal.is_none() {
            return false;
        }
        let key = TaskKey::new(result.origin, result.task_id.clone());
        let is_first = self.batch.is_empty();
        self.batch.insert(key, (result.clone(), answered));
        is_first
    }

    /// Sends the batch.
    pub(super) fn send(&mut self) {
        if let Some(journal) = &self.journal
            && !self.batch.is_empty()
        {
            let note = |(_, (result, answered))| {
                if answered {
                    Note::Answered(result)
                } else {
                    Note::Result(result)
                }
            };
            journal.extend(self.batch.drain().map(note));
        }
    }
}
