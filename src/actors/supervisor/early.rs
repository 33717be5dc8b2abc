//! Cancels that overtake their task. A command comes over a socket of its own and
//! may be here before the answer to the poll that brings the task; and avtomatika
//! 1.0b12 assigns a task to a worker, and lets it be cancelled, long before that
//! worker polls for it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{JobId, OrchestratorId, TaskId};
use crate::transport::CancelTarget;

/// For how long a cancel waits for its task. Ids of tasks are not used twice.
const BY_TASK: Duration = Duration::from_mins(10);

/// For how long it waits for a task of its job, if that is what it names: as long
/// as an answer may be on its way. Later it would meet the next step of the job.
const BY_JOB: Duration = Duration::from_secs(5);

/// How many wait at most; the oldest make room.
const AT_MOST: usize = 1024;

/// The cancels for tasks that are not here, perhaps not yet.
#[derive(Debug, Default)]
pub(super) struct EarlyCancels(VecDeque<Early>);

#[derive(Debug)]
struct Early {
    came: Instant,
    origin: OrchestratorId,
    target: CancelTarget,
}

impl EarlyCancels {
    pub(super) fn remember(&mut self, origin: OrchestratorId, target: CancelTarget, now: Instant) {
        self.forget_old(now);
        if self.0.len() == AT_MOST {
            self.0.pop_front();
        }
        self.0.push_back(Early {
            came: now,
            origin,
            target,
        });
    }

    /// Whether a task that has just come was called off already.
    pub(super) fn meant(
        &mut self,
        origin: OrchestratorId,
        task: &TaskId,
        job: &JobId,
        now: Instant,
    ) -> bool {
        self.forget_old(now);
        self.0.iter().any(|early| {
            let CancelTarget(id) = &early.target;
            let is_of_job = id == job.as_str() && early.age(now) <= BY_JOB;
            early.origin == origin && (id == task.as_str() || is_of_job)
        })
    }

    fn forget_old(&mut self, now: Instant) {
        while self.0.front().is_some_and(|early| early.age(now) > BY_TASK) {
            self.0.pop_front();
        }
    }
}

impl Early {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: OrchestratorId = OrchestratorId(0);

    fn target(id: &str) -> CancelTarget {
        CancelTarget(id.to_owned())
    }

    #[test]
    fn a_cancel_waits_a_while_for_its_task_and_for_no_other() {
        let (mut early, now) = (EarlyCancels::default(), Instant::now());
        early.remember(HERE, target("t"), now);
        early.remember(HERE, target("j"), now);
        assert!(early.meant(HERE, &"t".into(), &"other".into(), now));
        assert!(early.meant(HERE, &"other".into(), &"j".into(), now));
        assert!(!early.meant(HERE, &"other".into(), &"other".into(), now));
        assert!(!early.meant(OrchestratorId(1), &"t".into(), &"j".into(), now));
        let later = now + BY_JOB + Duration::from_millis(1);
        assert!(early.meant(HERE, &"t".into(), &"other".into(), later));
        assert!(!early.meant(HERE, &"other".into(), &"j".into(), later));
        let much_later = now + BY_TASK + Duration::from_millis(1);
        assert!(!early.meant(HERE, &"t".into(), &"j".into(), much_later));
        assert!(early.0.is_empty());
    }

    #[test]
    fn a_flood_of_cancels_takes_no_more_room_than_allowed() {
        let (mut early, now) = (EarlyCancels::default(), Instant::now());
        for n in 0..=AT_MOST {
            early.remember(HERE, target(&n.to_string()), now);
        }
        assert_eq!(early.0.len(), AT_MOST);
        assert!(!early.meant(HERE, &"0".into(), &"j".into(), now));
        assert!(early.meant(HERE, &"1".into(), &"j".into(), now));
    }
}
