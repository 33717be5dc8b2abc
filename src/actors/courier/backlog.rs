//! Bounds of what is undelivered: all of it is in memory.

use crate::task::{Outcome, TaskResult};

/// With so many results of one orchestrator undelivered no more of its tasks are taken, until
/// half of them are out.
const MOST: usize = 1024;

/// What a result takes beside its texts, about.
const FIXED: usize = 512;

/// How much is undelivered, and whether that is too much: for one orchestrator, so that those
/// that take their results go on, and for the memory that all of it is in.
#[derive(Debug)]
pub(super) struct Backlog {
    lanes: Vec<Lane>,
    bytes: Bytes,
    is_full: bool,
}

/// What is undelivered to one orchestrator.
#[derive(Debug)]
struct Lane {
    results: usize,
    bytes: Bytes,
    is_full: bool,
}

/// An amount and its bound.
#[derive(Debug)]
struct Bytes {
    now: u64,
    most: u64,
}

impl Bytes {
    /// Whether that share of the bound is reached: the whole, or the half.
    fn reach(&self, share: u64) -> bool {
        self.now >= self.most / share
    }
}

/// A bound was reached, or is no longer in the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BacklogChange {
    /// That of one orchestrator, by its place.
    Of(usize, bool),
    /// That of the memory, or those of all orchestrators.
    All(bool),
}

impl Backlog {
    /// For so many orchestrators. Each has its share of the bytes.
    pub(super) fn new(lanes: usize, most_bytes: u64) -> Self {
        let share = most_bytes / lanes.max(1) as u64;
        let lane = |_| Lane {
            results: 0,
            bytes: Bytes {
                now: 0,
                most: share,
            },
            is_full: false,
        };
        Self {
            lanes: (0..lanes).map(lane).collect(),
            bytes: Bytes {
                now: 0,
                most: most_bytes,
            },
            is_full: false,
        }
    }

    pub(super) fn add(&mut self, result: &TaskResult) {
        let size = size_of(result);
        self.bytes.now += size;
        if let Some(lane) = self.lanes.get_mut(result.origin.0) {
            lane.results += 1;
            lane.bytes.now += size;
        }
    }

    pub(super) fn remove(&mut self, result: &TaskResult) {
        let size = size_of(result);
        self.bytes.now = self.bytes.now.saturating_sub(size);
        if let Some(lane) = self.lanes.get_mut(result.origin.0) {
            lane.results = lane.results.saturating_sub(1);
            lane.bytes.now = lane.bytes.now.saturating_sub(size);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.now
    }

    /// Compares with the bounds, and returns what has changed.
    pub(super) fn changes(&mut self) -> Vec<BacklogChange> {
        let mut changes = Vec::new();
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let is_over =
                |share: u64| lane.results as u64 >= MOST as u64 / share || lane.bytes.reach(share);
            let is_full = is_over(1) || (lane.is_full && is_over(2));
            if std::mem::replace(&mut lane.is_full, is_full) != is_full {
                changes.push(BacklogChange::Of(place, is_full));
            }
        }
        let is_over = self.bytes.reach(1) || (self.is_full && self.bytes.reach(2));
        let is_full = is_over || self.lanes.iter().all(|lane| lane.is_full);
        if std::mem::replace(&mut self.is_full, is_full) != is_full {
            changes.push(BacklogChange::All(is_full));
        }
        changes
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

    use BacklogChange::{All, Of};

    fn result(origin: usize, bytes: usize) -> TaskResult {
        TaskResult {
            origin: OrchestratorId(origin),
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
        let mut backlog = Backlog::new(1, u64::MAX);
        let small = result(0, 0);
        (1..MOST).for_each(|_| backlog.add(&small));
        assert_eq!(backlog.changes(), []);
        backlog.add(&small);
        assert_eq!(backlog.changes(), [Of(0, true), All(true)]);
        (0..MOST / 2).for_each(|_| backlog.remove(&small));
        assert_eq!(backlog.changes(), [], "not yet");
        backlog.remove(&small);
        assert_eq!(backlog.changes(), [Of(0, false), All(false)]);

        let (mut backlog, large) = (Backlog::new(1, 10_000), result(0, 4000));
        backlog.add(&large);
        backlog.add(&large);
        assert_eq!(backlog.changes(), []);
        backlog.add(&large);
        assert_eq!(backlog.changes(), [Of(0, true), All(true)]);
        backlog.remove(&large);
        assert_eq!(backlog.changes(), [], "not yet");
        backlog.remove(&large);
        assert_eq!(backlog.changes(), [Of(0, false), All(false)]);
        backlog.remove(&large);
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn one_orchestrator_that_takes_nothing_is_no_reason_to_leave_the_others() {
        let mut backlog = Backlog::new(2, u64::MAX);
        let small = result(1, 0);
        (0..MOST).for_each(|_| backlog.add(&small));
        assert_eq!(backlog.changes(), [Of(1, true)]);
        let small = result(0, 0);
        (0..MOST).for_each(|_| backlog.add(&small));
        assert_eq!(backlog.changes(), [Of(0, true), All(true)]);

        let (mut backlog, large) = (Backlog::new(2, 20_000), result(0, 4000));
        (0..3).for_each(|_| backlog.add(&large));
        assert_eq!(backlog.changes(), [Of(0, true)], "its share of the bytes");
        (0..2).for_each(|_| backlog.add(&large));
        assert_eq!(backlog.changes(), [All(true)], "that of the memory");
    }
}
