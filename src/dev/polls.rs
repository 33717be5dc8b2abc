//! Polls that are open and wait for a task, found by task name.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::registry::Offers;
use crate::{TaskId, TaskName};

/// Numbers go up, so the order of ids is the order of arrival.
pub(crate) type PollId = u64;

#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) worker: Arc<str>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) until: Instant,
    /// The task that is put aside for it.
    pub(crate) offered: Option<TaskId>,
    /// Its client is gone, but nobody is supposed to have noticed.
    pub(crate) is_ghost: bool,
    listed: Vec<(TaskName, Rank)>,
}

/// Who comes first: those who have it hot, then the cheapest, then the best reputed, then
/// those who wait longest. In 1.0b2 all cost the same and have the same reputation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_cold: bool,
    cost: Ordered,
    reputation: Reverse<Ordered>,
}

/// A number that can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ordered(u64);

impl Ordered {
    /// Of a number that is not negative: the order of these is that of their bits.
    fn of(number: f64) -> Self {
        Self(number.max(0.0).to_bits())
    }
}

impl Rank {
    fn of(offers: &Offers, name: &TaskName) -> Self {
        let cost = offers.costs.get(name).copied().unwrap_or(f64::INFINITY);
        Self {
            is_cold: !offers.hot.contains(name),
            cost: Ordered::of(cost),
            reputation: Reverse(Ordered::of(offers.reputation)),
        }
    }
}

/// Who waits for a task name.
type Lane = BTreeSet<(Rank, PollId)>;

#[derive(Debug, Default)]
pub(crate) struct Polls {
    next: PollId,
    open: HashMap<PollId, Poll>,
    of_worker: HashMap<Arc<str>, Vec<PollId>>,
    lanes: HashMap<TaskName, Lane>,
}

impl Polls {
    pub(crate) fn open(&mut self, worker: &str, until: Instant) -> (PollId, Arc<Notify>) {
        self.next += 1;
        let worker: Arc<str> = worker.into();
        let wake = Arc::new(Notify::new());
        let poll = Poll {
            worker: Arc::clone(&worker),
            wake: Arc::clone(&wake),
            until,
            offered: None,
            is_ghost: false,
            listed: Vec::new(),
        };
        self.open.insert(self.next, poll);
        self.of_worker.entry(worker).or_default().push(self.next);
        (self.next, wake)
    }

    pub(crate) fn get_mut(&mut self, id: PollId) -> Option<&mut Poll> {
        self.open.get_mut(&id)
    }

    /// Lists a poll under everything its worker takes.
    pub(crate) fn list(&mut self, id: PollId, offers: &Offers, ignores_availability: bool) {
        self.unlist(id);
        let Some(poll) = self.open.get_mut(&id) else {
            return;
        };
        for name in offers.wanted(ignores_availability) {
            let rank = Rank::of(offers, name);
            if self
                .lanes
                .entry(name.clone())
                .or_default()
                .insert((rank, id))
            {
                poll.listed.push((name.clone(), rank));
            }
        }
    }

    pub(crate) fn unlist(&mut self, id: PollId) {
        let Some(poll) = self.open.get_mut(&id) else {
            return;
        };
        for (name, rank) in poll.listed.drain(..) {
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.remove(&(rank, id));
            }
        }
    }

    /// The poll that is to get the next task of this name.
    pub(crate) fn first_for(&self, name: &TaskName) -> Option<PollId> {
        self.lanes.get(name)?.first().map(|(_, id)| *id)
    }

    pub(crate) fn close(&mut self, id: PollId) -> Option<Poll> {
        self.unlist(id);
        let poll = self.open.remove(&id)?;
        if let Some(ids) = self.of_worker.get_mut(&poll.worker) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.of_worker.remove(&poll.worker);
            }
        }
        Some(poll)
    }

    pub(crate) fn of_worker(&self, worker: &str) -> Vec<PollId> {
        self.of_worker.get(worker).cloned().unwrap_or_default()
    }

    /// How many polls a worker has open, ghosts not counted.
    pub(crate) fn count(&self, worker: &str) -> usize {
        let ids = self.of_worker.get(worker).into_iter().flatten();
        ids.filter(|id| self.open.get(id).is_some_and(|poll| !poll.is_ghost))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(tasks: &[&str], hot: &[&str]) -> Offers {
        Offers {
            is_idle: true,
            tasks: tasks.iter().map(|name| (*name).into()).collect(),
            hot: hot.iter().map(|name| (*name).into()).collect(),
            ..Offers::default()
        }
    }

    #[test]
    fn a_hot_worker_comes_before_one_that_waits_longer() {
        let mut polls = Polls::default();
        let (cold, _) = polls.open("cold", Instant::now());
        let (hot, _) = polls.open("hot", Instant::now());
        polls.list(cold, &offers(&["a", "b"], &[]), false);
        polls.list(hot, &offers(&["a", "b"], &["a"]), false);
        assert_eq!(polls.first_for(&"a".into()), Some(hot));
        assert_eq!(polls.first_for(&"b".into()), Some(cold));
        polls.close(hot);
        assert_eq!(polls.first_for(&"a".into()), Some(cold));
        assert_eq!(polls.first_for(&"c".into()), None);
    }

    #[test]
    fn a_poll_that_is_listed_anew_leaves_its_old_lanes() {
        let mut polls = Polls::default();
        let (id, _) = polls.open("w", Instant::now());
        polls.list(id, &offers(&["a"], &[]), false);
        polls.list(id, &offers(&["b"], &[]), false);
        assert_eq!(polls.first_for(&"a".into()), None);
        assert_eq!(polls.first_for(&"b".into()), Some(id));
        assert_eq!(polls.count("w"), 1);
        polls.close(id);
        assert_eq!(polls.count("w"), 0);
    }

    #[test]
    fn among_cold_workers_the_cheapest_comes_first_then_the_best_reputed() {
        let offered = |cost: Option<f64>, reputation| Offers {
            costs: cost.map(|cost| ("a".into(), cost)).into_iter().collect(),
            reputation,
            ..offers(&["a"], &[])
        };
        let mut polls = Polls::default();
        let mut waiting = Vec::new();
        for (cost, reputation) in [
            (None, 1.0),
            (Some(2.0), 1.0),
            (Some(0.5), 0.4),
            (Some(0.5), 0.9),
        ] {
            let (id, _) = polls.open("w", Instant::now());
            polls.list(id, &offered(cost, reputation), false);
            waiting.push(id);
        }
        for next in [3, 2, 1, 0] {
            assert_eq!(polls.first_for(&"a".into()), Some(waiting[next]));
            polls.close(waiting[next]);
        }
    }
}
