//! Cancels that overtake their task: a command comes over a socket of its own and
//! may be here before the answer to the poll that brings the task.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{JobId, OrchestratorId, TaskId};
use crate::transport::CancelTarget;

/// For how long a cancel waits for its task. An answer that is on its way takes
/// less; later, the same id means something else, such as the next step of a job.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// How many wait at most; the oldest make room.
const AT_MOST: usize = 256;

/// The cancels for tasks that are not here, perhaps not yet.
#[derive(Debug, Default)]
pub(super) struct EarlyCancels(VecDeque<(Instant, OrchestratorId, CancelTarget)>);

impl EarlyCancels {
    pub(super) fn remember(&mut self, origin: OrchestratorId, target: CancelTarget, now: Instant) {
        self.forget_old(now);
        if self.0.len() == AT_MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, origin, target));
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
        let is_meant = |(_, from, CancelTarget(id)): &(_, OrchestratorId, CancelTarget)| {
            *from == origin && (id == task.as_str() || id == job.as_str())
        };
        self.0.iter().any(is_meant)
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > REMEMBERED_FOR;
        while self.0.front().is_some_and(|(at, ..)| is_old(*at)) {
            self.0.pop_front();
        }
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
        let later = now + REMEMBERED_FOR + Duration::from_millis(1);
        assert!(!early.meant(HERE, &"t".into(), &"j".into(), later));
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
