//! Which orchestrator to poll next.

use crate::config::OrchestratorMode;
use crate::id::OrchestratorId;

/// An orchestrator as a strategy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Polls open to it now.
    pub open_polls: usize,
}

/// A way to spread polls over several orchestrators.
pub trait Selection: Send + std::fmt::Debug {
    /// The one to poll next, or none if nobody is ready. `candidates` come in the
    /// order of priority, then URL, the same ones each time.
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId>;

    /// How many polls must be open for every orchestrator that counts to have one.
    fn least_polls(&self, candidates: &[Candidate]) -> usize;
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

impl Selection for Failover {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let best = candidates
            .iter()
            .filter(|c| c.ready)
            .map(|c| c.priority)
            .min()?;
        candidates
            .iter()
            .filter(|c| c.ready && c.priority == best)
            .min_by_key(|c| c.open_polls)
            .map(|c| c.id)
    }

    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        let of = |priority| candidates.iter().filter(|c| c.priority == priority).count();
        candidates.iter().map(|c| of(c.priority)).max().unwrap_or(1)
    }
}

/// All of them, the best priority first.
#[derive(Debug)]
struct Waterfall;

impl Selection for Waterfall {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        let ready = candidates.iter().filter(|c| c.ready);
        ready
            .min_by_key(|c| (c.open_polls, c.priority))
            .map(|c| c.id)
    }

    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        candidates.len()
    }
}

/// Smooth weighted round robin, as in nginx and avtomatika-worker 1.0b4. An
/// orchestrator without an open poll goes before those that have one: a second
/// poll to an idle server would only wait.
#[derive(Debug, Default)]
struct RoundRobin {
    current: Vec<i64>,
}

impl Selection for RoundRobin {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<OrchestratorId> {
        self.current.resize(candidates.len(), 0);
        let least = candidates
            .iter()
            .filter(|c| c.ready)
            .map(|c| c.open_polls)
            .min()?;
        let waiting = least == 0;
        let mut chosen: Option<usize> = None;
        let mut total = 0;
        for (place, candidate) in candidates.iter().enumerate() {
            if !candidate.ready || (waiting && candidate.open_polls > 0) {
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

    fn least_polls(&self, candidates: &[Candidate]) -> usize {
        candidates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn candidates(of: &[(i64, u32, bool)]) -> Vec<Candidate> {
        of.iter()
            .enumerate()
            .map(|(place, (priority, weight, ready))| Candidate {
                id: OrchestratorId(place),
                priority: *priority,
                weight: *weight,
                ready: *ready,
                open_polls: 0,
            })
            .collect()
    }

    #[test]
    fn failover_stays_with_the_best_that_works_and_returns_to_it() {
        let mut all = candidates(&[(1, 1, true), (2, 1, true)]);
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(0)));
        all[0].ready = false;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
        all[0].ready = true;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(0)));
        for candidate in &mut all {
            candidate.ready = false;
        }
        assert_eq!(Failover.pick(&all), None);
    }

    #[test]
    fn equal_priorities_share_their_polls() {
        let mut all = candidates(&[(1, 1, true), (1, 1, true), (9, 1, true)]);
        all[0].open_polls = 1;
        assert_eq!(Failover.pick(&all), Some(OrchestratorId(1)));
        assert_eq!(Failover.least_polls(&all), 2);
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
        assert_eq!(RoundRobin::default().pick(&all), Some(OrchestratorId(1)));
        assert_eq!(Waterfall.pick(&all), Some(OrchestratorId(1)));
    }
}
