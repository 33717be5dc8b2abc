//! Polls that are open and wait for a task, found by task name.

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
    listed: Vec<(TaskName, bool)>,
}

/// Who waits for a task name; those who have it hot come first.
#[derive(Debug, Default)]
struct Lane {
    hot: BTreeSet<PollId>,
    cold: BTreeSet<PollId>,
}

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
    pub(crate) fn list(&mut self, id: PollId, offers: &Offers) {
        self.unlist(id);
        let Some(poll) = self.open.get_mut(&id) else {
            return;
        };
        for name in &offers.tasks {
            let is_hot = offers.hot.contains(name);
            let lane = self.lanes.entry(name.clone()).or_default();
            let side = if is_hot {
                &mut lane.hot
            } else {
                &mut lane.cold
            };
            if side.insert(id) {
                poll.listed.push((name.clone(), is_hot));
            }
        }
    }

    pub(crate) fn unlist(&mut self, id: PollId) {
        let Some(poll) = self.open.get_mut(&id) else {
            return;
        };
        for (name, is_hot) in poll.listed.drain(..) {
            if let Some(lane) = self.lanes.get_mut(&name) {
                let side = if is_hot {
                    &mut lane.hot
                } else {
                    &mut lane.cold
                };
                side.remove(&id);
            }
        }
    }

    /// The poll that is to get the next task of this name.
    pub(crate) fn first_for(&self, name: &TaskName) -> Option<PollId> {
        let lane = self.lanes.get(name)?;
        lane.hot.first().or_else(|| lane.cold.first()).copied()
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
            takes_commands: false,
        }
    }

    #[test]
    fn a_hot_worker_comes_before_one_that_waits_longer() {
        let mut polls = Polls::default();
        let (cold, _) = polls.open("cold", Instant::now());
        let (hot, _) = polls.open("hot", Instant::now());
        polls.list(cold, &offers(&["a", "b"], &[]));
        polls.list(hot, &offers(&["a", "b"], &["a"]));
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
        polls.list(id, &offers(&["a"], &[]));
        polls.list(id, &offers(&["b"], &[]));
        assert_eq!(polls.first_for(&"a".into()), None);
        assert_eq!(polls.first_for(&"b".into()), Some(id));
        assert_eq!(polls.count("w"), 1);
        polls.close(id);
        assert_eq!(polls.count("w"), 0);
    }
}
