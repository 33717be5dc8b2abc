//! Bounds of what is undelivered: all of it is in memory.

use crate::task::{Outcome, TaskResult};

/// With so many results undelivered no more tasks are taken, until half of them are out.
const MOST: usize = 1024;

/// What a result takes beside its texts, about.
const FIXED: usize = 512;

/// How much is undelivered, and whether that is too much.
#[derive(Debug)]
pub(super) struct Backlog {
    bytes: u64,
    most_bytes: u64,
    is_full: bool,
}

impl Backlog {
    pub(super) fn new(most_bytes: u64) -> Self {
        Self {
            bytes: 0,
            most_bytes,
            is_full: false,
        }
    }

    pub(super) fn add(&mut self, result: &TaskResult) {
        self.bytes += size_of(result);
    }

    pub(super) fn remove(&mut self, result: &TaskResult) {
        self.bytes = self.bytes.saturating_sub(size_of(result));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Compares with the bounds. Returns whether tasks may be taken, if that has changed.
    pub(super) fn changed(&mut self, results: usize) -> Option<bool> {
        let is_over =
            |share| results >= MOST / share || self.bytes >= self.most_bytes / share as u64;
        let is_full = is_over(1) || (self.is_full && is_over(2));
        let has_changed = std::mem::replace(&mut self.is_full, is_full) != is_full;
        has_changed.then_some(is_full)
    }
}

/// Returns about how much memory a result takes.
fn size_of(result: &TaskResult) -> u64 {
    let texts = match &result.outcome {
        Outcome::Completed(reply) => {
            let more = [reply.metadata(), reply.costs(), reply.data_metadata()];
            let more: usize = more.into_iter().flatten().map(|it| it.as_str().len()).sum();
            reply.data().as_str().len() + more + reply.attachments().len() * FIXED
        }
        Outcome::Failed(error) => {
            let details = error.details().map_or(0, |details| details.as_str().len());
            error.message().len() + details
        }
        Outcome::Cancelled | Outcome::Interrupted(_) => 0,
    };
    let metadata = result.task_metadata.as_ref();
    let metadata = metadata.map_or(0, |metadata| metadata.as_str().len());
    (FIXED + texts + metadata) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::OrchestratorId;
    use crate::task::Reply;

    fn result(bytes: usize) -> TaskResult {
        TaskResult {
            origin: OrchestratorId(0),
            task_id: "t".into(),
            job_id: "j".into(),
            name: "n".into(),
            outcome: Outcome::Completed(Reply::success(&"x".repeat(bytes)).expect("JSON")),
            ran_for: Duration::ZERO,
            task_metadata: None,
        }
    }

    #[test]
    fn either_bound_is_a_reason_until_half_of_it_is_out() {
        let mut backlog = Backlog::new(10_000);
        assert_eq!(backlog.changed(MOST - 1), None);
        assert_eq!(backlog.changed(MOST), Some(true));
        assert_eq!(backlog.changed(MOST / 2), None, "not yet");
        assert_eq!(backlog.changed(MOST / 2 - 1), Some(false));

        let large = result(4000);
        backlog.add(&large);
        backlog.add(&large);
        assert_eq!(backlog.changed(2), None);
        backlog.add(&large);
        assert_eq!(backlog.changed(3), Some(true));
        backlog.remove(&large);
        assert_eq!(backlog.changed(2), None, "not yet");
        backlog.remove(&large);
        assert_eq!(backlog.changed(1), Some(false));
        backlog.remove(&large);
        assert_eq!(backlog.bytes(), 0);
    }
}
