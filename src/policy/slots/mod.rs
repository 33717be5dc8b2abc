//! Who may take a task: the global limit, the limits by task type, and the
//! parking lot of tasks that wait for a slot of their type.

mod ruled;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::id::TaskName;
use crate::status::{CapacityStatus, TypeStatus};
use crate::transport::{Availability, TaskEntry};

/// What a permit stands for; given back when it is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// Whether a task goes with it, rather than an open poll.
    pub(crate) task: bool,
    /// The type whose slot the task has.
    pub(crate) kind: Option<Arc<str>>,
}

/// The answer to a task that asks for a slot of its type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim<T> {
    /// It may start; this is what its permit now stands for.
    Granted(T, Held),
    /// It waits in the parking lot.
    Parked,
    /// It can never start: its type is turned off.
    Never(T),
}

/// Counts of all slots. `T` is whatever waits in the parking lot.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    limit: usize,
    type_limits: HashMap<Arc<str>, usize>,
    lot_size: usize,
    entries: Vec<TaskEntry>,
    /// The handlers of queues, which orchestrators are not told of.
    queues: Vec<TaskEntry>,
    /// Why a policy of the user's wants no tasks at all.
    refused: Option<Arc<str>>,
    /// Handlers whose tasks it does not want.
    unwanted: BTreeSet<TaskName>,
    /// Whether [`Slots::refresh`] has told that tasks are wanted.
    told_open: bool,
    reserved: usize,
    tasks: usize,
    running_by_type: HashMap<Arc<str>, usize>,
    parked: VecDeque<(Arc<str>, T)>,
    available: Arc<[TaskName]>,
}

impl<T> Slots<T> {
    pub(crate) fn new(
        limit: usize,
        type_limits: &BTreeMap<String, usize>,
        lot_size: usize,
        entries: Vec<TaskEntry>,
    ) -> Self {
        let type_limits = type_limits
            .iter()
            .map(|(k, n)| (Arc::from(k.as_str()), *n))
            .collect();
        let mut slots = Self {
            limit,
            type_limits,
            lot_size,
            entries,
            queues: Vec::new(),
            refused: None,
            unwanted: BTreeSet::new(),
            told_open: true,
            reserved: 0,
            tasks: 0,
            running_by_type: HashMap::new(),
            parked: VecDeque::new(),
            available: Arc::default(),
        };
        slots.refresh();
        slots
    }

    /// Handlers that take tasks as well, but whose names are nobody's business.
    pub(crate) fn with_queues(mut self, queues: Vec<TaskEntry>) -> Self {
        self.queues = queues;
        self
    }

    /// Takes a slot for a poll, if one is free and the parking lot has room.
    pub(crate) fn reserve(&mut self) -> Option<Held> {
        if self.refused.is_none() && self.can_reserve() {
            self.reserved += 1;
            Some(Held::default())
        } else {
            None
        }
    }

    /// Whether there is a slot for a poll, wanted or not.
    pub(crate) fn can_reserve(&self) -> bool {
        // Every open poll may bring a task that must be parked.
        let polls = self.reserved - self.tasks;
        let room = self.type_limits.is_empty() || self.parked.len() + polls < self.lot_size.max(1);
        self.reserved < self.limit && room
    }

    /// A task came in on a reserved slot and wants one of its type. From now on
    /// the slot's [`Held`] counts as a task, whatever the answer.
    pub(crate) fn claim(&mut self, ticket: T, kind: Option<&str>) -> Claim<T> {
        self.tasks += 1;
        let Some(kind) = kind else {
            return Claim::Granted(
                ticket,
                Held {
                    task: true,
                    kind: None,
                },
            );
        };
        match self.type_limits.get_key_value(kind) {
            Some((_, 0)) => Claim::Never(ticket),
            Some((kind, limit)) => {
                let kind = kind.clone();
                if self.running(&kind) < *limit {
                    let held = self.occupy(kind);
                    Claim::Granted(ticket, held)
                } else {
                    self.parked.push_back((kind, ticket));
                    Claim::Parked
                }
            }
            None => Claim::Granted(
                ticket,
                Held {
                    task: true,
                    kind: None,
                },
            ),
        }
    }

    /// A task without a type came in on a reserved slot, which is all it needs.
    pub(crate) fn begin_untyped(&mut self) {
        self.tasks += 1;
    }

    /// Takes a waiting task out of the parking lot. Its permit, dropped by the
    /// caller, gives the slot back.
    pub(crate) fn withdraw(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.parked.iter().position(|(_, ticket)| is_it(ticket))?;
        self.parked.remove(place).map(|(_, ticket)| ticket)
    }

    /// A permit was dropped. Returns the waiting tasks that may start now.
    pub(crate) fn release(&mut self, held: &Held) -> Vec<(T, Held)> {
        debug_assert!(self.reserved > 0, "more slots given back than taken");
        self.reserved = self.reserved.saturating_sub(1);
        if held.task {
            self.tasks = self.tasks.saturating_sub(1);
        }
        let Some(kind) = &held.kind else {
            return Vec::new();
        };
        if let Some(running) = self.running_by_type.get_mut(kind) {
            *running = running.saturating_sub(1);
        }
        self.unpark()
    }

    /// Changes the limits of a running worker. Returns the tasks that may start now.
    pub(crate) fn set_limits(
        &mut self,
        limit: Option<usize>,
        of_type: Option<(&str, usize)>,
    ) -> Vec<(T, Held)> {
        if let Some(limit) = limit {
            self.limit = limit;
        }
        if let Some((kind, limit)) = of_type {
            self.type_limits.insert(Arc::from(kind), limit);
        }
        self.unpark()
    }

    /// Handlers with a free slot now, in the order of their registration.
    pub(crate) fn available(&self) -> &Arc<[TaskName]> {
        &self.available
    }

    /// The state as the dialects report it (avtomatika-worker 1.0b4 and 1.0b20).
    pub(crate) fn availability(&self) -> Availability {
        if self.tasks >= self.limit {
            Availability::Full
        } else if self.available.is_empty() && !self.takes_from_queues() {
            Availability::Busy
        } else {
            Availability::Idle
        }
    }

    /// Tasks that have a slot, waiting ones included.
    #[cfg(test)]
    pub(crate) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Writes down what is taken of what.
    pub(crate) fn tell(&self, capacity: &mut CapacityStatus) {
        capacity.limit = self.limit;
        capacity.tasks = self.tasks;
        capacity.polls = self.reserved - self.tasks;
        capacity.parked = self.parked.len();
        if capacity.refused != self.refused {
            capacity.refused.clone_from(&self.refused);
        }
        let types = self.type_limits.iter();
        capacity.types.clear();
        capacity.types.extend(
            types.map(|(name, limit)| TypeStatus::new(name.clone(), *limit, self.running(name))),
        );
    }

    /// Brings [`Slots::available`] up to date; `true` if it changed, or whether tasks are
    /// wanted at all.
    pub(crate) fn refresh(&mut self) -> bool {
        let open = self.refused.is_none();
        let turned = std::mem::replace(&mut self.told_open, open) != open;
        // Asked after every message, and mostly nothing has changed.
        if self.is_up_to_date() {
            return turned;
        }
        self.available = self.free().cloned().collect();
        true
    }

    fn is_up_to_date(&self) -> bool {
        if self.type_limits.is_empty() && self.unwanted.is_empty() {
            // All handlers are free, or none, so their number says it.
            let any = self.tasks < self.limit && self.refused.is_none();
            return self.available.len() == if any { self.entries.len() } else { 0 };
        }
        self.free().eq(self.available.iter())
    }

    /// Names of the handlers with a free slot.
    fn free(&self) -> impl Iterator<Item = &TaskName> {
        let any = self.tasks < self.limit;
        let free = move |entry: &&TaskEntry| any && self.takes(entry);
        self.entries.iter().filter(free).map(|entry| &entry.name)
    }

    fn takes_from_queues(&self) -> bool {
        self.queues.iter().any(|entry| self.takes(entry))
    }

    /// Whether a task of this handler is wanted, and could begin as far as its type goes.
    fn takes(&self, entry: &TaskEntry) -> bool {
        self.refused.is_none()
            && (self.unwanted.is_empty() || !self.unwanted.contains(&entry.name))
            && self.has_room(entry.kind.as_deref())
    }

    /// Whether a handler of this type could begin a task, as far as its type goes.
    fn has_room(&self, kind: Option<&str>) -> bool {
        let limit = kind.and_then(|kind| Some((kind, self.type_limits.get(kind)?)));
        limit.is_none_or(|(kind, limit)| self.running(kind) < *limit)
    }

    fn running(&self, kind: &str) -> usize {
        self.running_by_type.get(kind).copied().unwrap_or(0)
    }

    fn occupy(&mut self, kind: Arc<str>) -> Held {
        *self.running_by_type.entry(kind.clone()).or_insert(0) += 1;
        Held {
            task: true,
            kind: Some(kind),
        }
    }

    fn unpark(&mut self) -> Vec<(T, Held)> {
        let mut started = Vec::new();
        for (kind, ticket) in std::mem::take(&mut self.parked) {
            let limit = self.type_limits.get(&kind).copied().unwrap_or(usize::MAX);
            if self.running(&kind) < limit {
                let held = self.occupy(kind);
                started.push((ticket, held));
            } else {
                self.parked.push_back((kind, ticket));
            }
        }
        started
    }
}

#[cfg(test)]
mod tests;
