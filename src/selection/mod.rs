//! Which orchestrator to poll next.

mod push_exempt;

pub(crate) use push_exempt::PushExempt;

use crate::config::OrchestratorMode;
use crate::id::OrchestratorId;

/// An orchestrator as a strategy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "three facts that vary independently"
)]
pub struct Candidate {
    /// Which one.
    pub id: OrchestratorId,
    /// Lower is preferred.
    pub priority: i64,
    /// Its share where weights count.
    pub weight: u32,
    /// Whether a poll may be sent to it now: registered, and neither backing off
    /// nor rate limited.
    pub ready: bool,
    /// Whether it answered when it was last asked. A rate limit is an answer.
    pub working: bool,
    /// Whether its last poll brought a task: there may be more.
    pub flowing: bool,
    /// Polls open to it now.
    pub open_polls: usize,
}

/// A way to spread polls over several orchestrators.
pub trait Selection: Send + std::fmt::Debug {
    /// The one to poll next, or none if nobody should be polled. `candidates` come
    /// in the order of priority, then URL, the same ones each time.
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId>;

    /// Whether tasks of this one are wanted now. The others are told that the
    /// worker is busy, so that none of them keeps a task waiting for us.
    fn wants(&self, candidates: &[Candidate], one: &Candidate) -> bool {
        let _ = (candidates, one);
        true
    }

    /// How many polls must be open for every orchestrator that counts to have one.
    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        candidates.len()
    }
}

/// The strategy of a mode.
pub(crate) fn strategy_for(mode: OrchestratorMode) -> Box<dyn Selection> {
    match mode {
        OrchestratorMode::RoundRobin => Box::new(RoundRobin::default()),
        OrchestratorMode::Waterfall => Box::new(Waterfall),
        OrchestratorMode::Failover => Box::new(Failover),
    }
}

/// The best priority that works; equal ones share.
#[derive(Debug)]
struct Failover;

impl Failover {
    /// The priority that gets our polls. While nobody works, the best one of all.
    fn best(candidates: &[Candidate]) -> Option<i64> {
        let best_of = |all: &mut dyn Iterator<Item = &Candidate>| all.map(|c| c.priority).min();
        best_of(&mut candidates.iter().filter(|c| c.working))
            .or_else(|| best_of(&mut candidates.iter()))
    }
}

impl Selection for Failover {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let best = Self::best(candidates)?;
        let nobody_works = candidates.iter().all(|c| !c.working);
        // A better one that has failed is tried whenever its backoff allows.
        candidates
            .iter()
            .filter(|c| c.ready && (c.priority <= best || nobody_works))
            .min_by_key(|c| (c.working, c.open_polls))
            .map(|c| c.id)
    }

    fn wants(&self, candidates: &[Candidate], one: &Candidate) -> bool {
        let nobody_works = candidates.iter().all(|c| !c.working);
        (one.working || nobody_works) && Self::best(candidates) == Some(one.priority)
    }

    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        let of = |priority| candidates.iter().filter(|c| c.priority == priority).count();
        let largest_group = candidates.iter().map(|c| of(c.priority)).max();
        largest_group.unwrap_or(1)
    }
}

/// All of them, the best priority first.
#[derive(Debug)]
struct Waterfall;

impl Selection for Waterfall {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let ready = candidates.iter().filter(|c| c.ready);
        // One that has no poll open goes first, so that nobody waits behind the
        // idle poll of another.
        ready
            .min_by_key(|c| (c.open_polls.min(1), !c.flowing, c.priority, c.open_polls))
            .map(|c| c.id)
    }
}

/// In proportion to the weights.
///
/// Among those that have tasks, smooth weighted round robin, as in nginx and
/// avtomatika-worker 1.0b4. One that had none keeps a single poll open beside
/// that: it is not a turn in the round, for it would only wait.
#[derive(Debug, Default)]
struct RoundRobin {
    current: Vec<i64>,
}

impl Selection for RoundRobin {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let waiting = |c: &&Candidate| c.ready && !c.flowing;
        if let Some(quiet) = candidates
            .iter()
            .filter(waiting)
            .find(|c| c.open_polls == 0)
        {
            return Some(quiet.id);
        }
        if candidates.iter().any(|c| c.ready && c.flowing) {
            return self.next_turn(candidates);
        }
        let quiet = candidates.iter().filter(waiting);
        quiet.min_by_key(|c| c.open_polls).map(|c| c.id)
    }
}

impl RoundRobin {
    fn next_turn(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        self.current.resize(candidates.len(), 0);
        let mut chosen: Option<usize> = None;
        let mut total = 0;
        for (place, candidate) in candidates.iter().enumerate() {
            if !(candidate.ready && candidate.flowing) {
                continue;
            }
            total += i64::from(candidate.weight);
            self.current[place] += i64::from(candidate.weight);
            if chosen.is_none_or(|best| self.current[place] > self.current[best]) {
                chosen = Some(place);
            }
        }
        let chosen = chosen?;
        self.current[chosen] -= total;
        Some(candidates[chosen].id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn candidates(of: &[(i64, u32, bool)]) -> Vec<Candidate> {
        of.iter()
            .enumerate()
            .map(|(place, (priority, weight, ready))| Candidate {
                id: OrchestratorId(place),
                priority: *priority,
                weight: *weight,
                ready: *ready,
                working: *ready,
                flowing: true,
                open_polls: 0,
            })
            .collect()
    }

    #[test]
    fn failover_stays_with_the_best_that_works_and_returns_to_it() {
        let mut all = candidates(&[(1, 1, true), (2, 1, true)]);
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(0)));
        assert!(Failover.wants(&all, &all[0]) && !Failover.wants(&all, &all[1]));
        (all[0].ready, all[0].working) = (false, false);
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
        assert!(!Failover.wants(&all, &all[0]) && Failover.wants(&all, &all[1]));
        // Its backoff is over: it is tried while the other still serves.
        all[0].ready = true;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(0)));
        assert!(Failover.wants(&all, &all[1]));
        all[0].working = true;
        assert!(Failover.wants(&all, &all[0]) && !Failover.wants(&all, &all[1]));
        for candidate in &mut all {
            candidate.ready = false;
        }
        assert_eq!(Failover.pick(&all), None);
    }

    #[test]
    fn a_rate_limit_is_no_reason_to_leave() {
        let mut all = candidates(&[(1, 1, true), (2, 1, true)]);
        all[0].ready = false;
        assert_eq!(Failover.pick(&all), None);
        assert!(Failover.wants(&all, &all[0]));
    }

    #[test]
    fn while_nobody_works_everybody_is_tried() {
        let mut all = candidates(&[(1, 1, false), (2, 1, false)]);
        assert_eq!(Failover.pick(&all), None);
        all[1].ready = true;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
    }

    #[test]
    fn equal_priorities_share_their_polls() {
        let mut all = candidates(&[(1, 1, true), (1, 1, true), (9, 1, true)]);
        all[0].open_polls = 1;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
        assert_eq!(Failover.least_polls(&all), 2);
    }

    #[test]
    fn one_of_equals_that_has_failed_is_tried_first_and_not_wanted_meanwhile() {
        let mut all = candidates(&[(1, 1, true), (1, 1, true)]);
        all[1].working = false;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
        assert!(Failover.wants(&all, &all[0]) && !Failover.wants(&all, &all[1]));
    }

    #[test]
    fn waterfall_goes_by_priority_however_many_polls_are_open() {
        let mut all = candidates(&[(1, 1, true), (2, 1, true)]);
        (all[0].open_polls, all[1].open_polls) = (5, 1);
        assert_eq!(Waterfall.pick(&all), Some(OrchestratorId(0)));
    }

    #[test]
    fn round_robin_picks_as_the_vectors_say() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/smooth_wrr.json")).unwrap();
        let mut checked = 0;
        for case in vectors["cases"].as_array().unwrap() {
            // Weights that are no whole number from 1 up are refused by the configuration.
            let Ok(weights) = serde_json::from_value::<Vec<u32>>(case["weights"].clone()) else {
                continue;
            };
            if weights.contains(&0) {
                continue;
            }
            let all = candidates(&weights.iter().map(|w| (1, *w, true)).collect::<Vec<_>>());
            let expected: Vec<usize> = serde_json::from_value(case["picks"].clone()).unwrap();
            let mut strategy = RoundRobin::default();
            let picks: Vec<usize> = expected
                .iter()
                .map(|_| strategy.pick(&all).unwrap().0)
                .collect();
            assert_eq!(picks, expected, "{weights:?}");
            checked += 1;
        }
        assert!(checked >= 5);
    }

    #[test]
    fn an_orchestrator_without_a_poll_does_not_wait_behind_anothers_idle_one() {
        let mut all = candidates(&[(1, 100, true), (1, 1, true)]);
        all[0].open_polls = 1;
        all[1].flowing = false;
        assert_eq!(RoundRobin::default().pick(&all), Some(OrchestratorId(1)));
        assert_eq!(Waterfall.pick(&all), Some(OrchestratorId(1)));
    }

    #[test]
    fn an_idle_orchestrator_does_not_disturb_the_ratio_of_the_others() {
        let mut all = candidates(&[(1, 3, true), (1, 1, true), (1, 9, true)]);
        (all[2].flowing, all[2].open_polls) = (false, 1);
        let mut strategy = RoundRobin::default();
        let mut picks = [0; 3];
        for _ in 0..400 {
            picks[strategy.pick(&all).unwrap().0] += 1;
        }
        assert_eq!(picks, [300, 100, 0]);
    }

    proptest! {
        /// Over any number of whole rounds each has exactly its share, and only those
        /// that are ready are picked.
        #[test]
        fn shares_are_exact(weights in prop::collection::vec(1u32..20, 1..6), rounds in 1usize..5) {
            let all = candidates(&weights.iter().map(|w| (1, *w, true)).collect::<Vec<_>>());
            let total: u32 = weights.iter().sum();
            let mut picks = vec![0usize; weights.len()];
            let mut strategy = RoundRobin::default();
            for _ in 0..rounds * total as usize {
                picks[strategy.pick(&all).unwrap().0] += 1;
            }
            let shares: Vec<usize> = weights.iter().map(|w| *w as usize * rounds).collect();
            prop_assert_eq!(picks, shares);
        }

        #[test]
        fn nobody_is_picked_who_is_not_ready(
            all in prop::collection::vec((0i64..3, 1u32..5, any::<bool>(), any::<bool>(), any::<bool>(), 0usize..3), 0..6),
        ) {
            let all: Vec<Candidate> = all.into_iter().enumerate().map(
                |(place, (priority, weight, ready, working, flowing, open_polls))| Candidate {
                    id: OrchestratorId(place), priority, weight, ready, working, flowing, open_polls,
                },
            ).collect();
            for mode in [OrchestratorMode::Failover, OrchestratorMode::RoundRobin, OrchestratorMode::Waterfall] {
                if let Some(picked) = strategy_for(mode).pick(&all) {
                    prop_assert!(all[picked.0].ready);
                }
            }
        }
    }
}
