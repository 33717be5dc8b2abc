//! Orchestrators of another kind beside those that a strategy chooses from.

use super::{Candidate, Selection};
use crate::id::OrchestratorId;

/// Leaves some orchestrators out of a strategy, since they cannot stand in for the
/// others: a controller that assigns its own tasks is always wanted, whoever else works.
///
/// Each of them keeps one poll open. More go there only while it has tasks and nobody
/// else has.
#[derive(Debug)]
pub(crate) struct PushExempt {
    inner: Box<dyn Selection>,
    others: Vec<OrchestratorId>,
    /// Whether the last poll went to one of those.
    was_theirs: bool,
}

impl PushExempt {
    pub(crate) fn new(inner: Box<dyn Selection>, others: Vec<OrchestratorId>) -> Self {
        Self {
            inner,
            others,
            was_theirs: false,
        }
    }

    /// Those of the strategy, and those apart.
    fn divide(&self, all: &[Candidate]) -> (Vec<Candidate>, Vec<Candidate>) {
        let inside = |candidate: &Candidate| !self.others.contains(&candidate.id);
        all.iter().copied().partition(inside)
    }
}

impl Selection for PushExempt {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let (inside, apart) = self.divide(candidates);
        let ready = || apart.iter().filter(|candidate| candidate.ready);
        let alone = ready().find(|candidate| candidate.open_polls == 0);
        // With a single slot they take turns.
        let mut rest = inside.iter().filter(|candidate| candidate.ready);
        let is_their_turn = self.was_theirs && rest.any(|c| c.open_polls == 0);
        if let Some(alone) = alone
            && !is_their_turn
        {
            self.was_theirs = true;
            return Some(alone.id);
        }
        self.was_theirs = false;
        let of_inner = self.inner.pick(&inside);
        let is_busy = |id: OrchestratorId| {
            let mut inside = inside.iter();
            inside.any(|c| c.id == id && (c.flowing || c.open_polls == 0))
        };
        let flowing = || ready().find(|candidate| candidate.flowing).map(|c| c.id);
        match of_inner {
            Some(id) if is_busy(id) => Some(id),
            Some(id) => flowing().or(Some(id)),
            None => ready().min_by_key(|c| c.open_polls).map(|c| c.id),
        }
    }

    fn wants(&self, candidates: &[Candidate], one: &Candidate) -> bool {
        self.others.contains(&one.id) || self.inner.wants(&self.divide(candidates).0, one)
    }

    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        let (inside, apart) = self.divide(candidates);
        let inner = if inside.is_empty() {
            0
        } else {
            self.inner.least_polls(&inside)
        };
        (inner + apart.len()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OrchestratorMode;
    use crate::selection::strategy_for;

    fn candidate(place: usize, priority: i64) -> Candidate {
        Candidate {
            id: OrchestratorId(place),
            priority,
            weight: 1,
            ready: true,
            working: true,
            flowing: false,
            open_polls: 0,
        }
    }

    /// Two orchestrators in failover, and one apart.
    fn scene() -> (PushExempt, [Candidate; 3]) {
        let inner = strategy_for(OrchestratorMode::Failover);
        let apart = PushExempt::new(inner, vec![OrchestratorId(2)]);
        (apart, [candidate(0, 1), candidate(1, 2), candidate(2, 0)])
    }

    #[test]
    fn failover_goes_on_beside_one_that_is_apart() {
        let (apart, mut all) = scene();
        let wanted =
            |all: &[Candidate]| all.iter().map(|c| apart.wants(all, c)).collect::<Vec<_>>();
        assert_eq!(wanted(&all), [true, false, true]);
        all[0].working = false;
        assert_eq!(wanted(&all), [false, true, true]);
        assert_eq!(apart.least_polls(&all), 2);
    }

    #[test]
    fn the_one_apart_keeps_one_poll_and_gets_more_only_while_it_has_tasks() {
        let (mut apart, mut all) = scene();
        assert_eq!(apart.pick(&all), Some(OrchestratorId(2)));
        all[2].open_polls = 1;
        assert_eq!(apart.pick(&all), Some(OrchestratorId(0)));
        all[0].open_polls = 1;
        assert_eq!(apart.pick(&all), Some(OrchestratorId(0)));
        all[2].flowing = true;
        assert_eq!(apart.pick(&all), Some(OrchestratorId(2)));
        all[0].flowing = true;
        assert_eq!(apart.pick(&all), Some(OrchestratorId(0)));
    }

    #[test]
    fn with_one_slot_they_take_turns() {
        let (mut apart, all) = scene();
        let picked: Vec<_> = (0..4).map(|_| apart.pick(&all).unwrap().0).collect();
        assert_eq!(picked, [2, 0, 2, 0]);
    }

    #[test]
    fn alone_it_gets_every_poll() {
        let inner = strategy_for(OrchestratorMode::Failover);
        let mut apart = PushExempt::new(inner, vec![OrchestratorId(0)]);
        let mut all = [candidate(0, 1)];
        all[0].open_polls = 3;
        assert_eq!(apart.pick(&all), Some(OrchestratorId(0)));
        assert_eq!(apart.least_polls(&all), 1);
    }
}
