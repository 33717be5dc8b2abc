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
pub(crate) enum Held {
    /// The slot of an open poll.
    #[default]
    Poll,
    /// The slot of a task, and that of its type if it has one.
    Task { kind: Option<Arc<str>> },
    /// Nothing: the task waits in the parking lot, and its slot is free for others.
    Parked,
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

    /// Takes a slot for a poll, if one is free and the parking lot has room for what it may bring.
    pub(crate) fn reserve(&mut self) -> Option<Held> {
        if self.refused.is_none() && self.can_reserve() {
            self.reserved += 1;
            Some(Held::default())
        } else {
            None
        }
    }

    /// Returns `true` if there is a slot for a poll, wanted or not.
    pub(crate) fn can_reserve(&self) -> bool {
        self.reserved < self.limit && self.has_parking_room()
    }

    /// Returns `true` if one more poll cannot overfill the parking lot. Each open poll may
    /// bring a task of the type that has the fewest slots left.
    fn has_parking_room(&self) -> bool {
        let Some(fewest) = self.fewest_free_of_a_type() else {
            return true;
        };
        let polls = self.reserved - self.tasks;
        let room = self.lot_size.max(1).saturating_sub(self.parked.len());
        polls < fewest + room
    }

    /// The free slots of the type that has the fewest, among those that have a limit. Tasks of
    /// a type that is turned off are never parked.
    fn fewest_free_of_a_type(&self) -> Option<usize> {
        let limits = self.type_limits.iter().filter(|(_, limit)| **limit > 0);
        limits
            .map(|(kind, limit)| limit.saturating_sub(self.running(kind)))
            .min()
    }

    /// A task came in on a reserved slot and wants one of its type. If the answer is
    /// [`Claim::Parked`] its permit stands for [`Held::Parked`] from now on, and for a task
    /// without a type if it is [`Claim::Never`].
    pub(crate) fn claim(&mut self, ticket: T, kind: Option<&str>) -> Claim<T> {
        let Some(kind) = kind else {
            self.tasks += 1;
            return Claim::Granted(ticket, Held::Task { kind: None });
        };

        let limit = self.type_limits.get(kind).copied();
        if limit == Some(0) {
            self.tasks += 1;
            return Claim::Never(ticket);
        }

        let kind = self.name_of(kind);
        if limit.is_some_and(|limit| self.running(&kind) >= limit) {
            self.reserved = self.reserved.saturating_sub(1);
            self.parked.push_back((kind, ticket));
            return Claim::Parked;
        }

        self.tasks += 1;
        let held = self.occupy(kind);
        Claim::Granted(ticket, held)
    }

    /// The shared name of a type. Every type is counted, for it may get a limit later.
    fn name_of(&self, kind: &str) -> Arc<str> {
        let known = self.type_limits.get_key_value(kind).map(|(name, _)| name);
        let known = known.or_else(|| {
            self.running_by_type
                .get_key_value(kind)
                .map(|(name, _)| name)
        });
        known.cloned().unwrap_or_else(|| kind.into())
    }

    /// A task without a type came in on a reserved slot, which is all it needs.
    pub(crate) fn begin_untyped(&mut self) {
        self.tasks += 1;
    }

    /// Takes a waiting task out of the parking lot, for the caller to drop.
    pub(crate) fn withdraw(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.parked.iter().position(|(_, ticket)| is_it(ticket))?;
        self.parked.remove(place).map(|(_, ticket)| ticket)
    }

    /// A permit was dropped. Returns the waiting tasks that may start now.
    pub(crate) fn release(&mut self, held: &Held) -> Vec<(T, Held)> {
        if *held == Held::Parked {
            return Vec::new();
        }

        debug_assert!(self.reserved > 0, "more slots given back than taken");
        self.reserved = self.reserved.saturating_sub(1);
        if let Held::Task { kind } = held {
            self.tasks = self.tasks.saturating_sub(1);
            if let Some(kind) = kind
                && let Some(running) = self.running_by_type.get_mut(kind)
            {
                *running = running.saturating_sub(1);
            }
        }

        self.unpark()
    }

    /// Changes the limits of a running worker. Returns the tasks that may start now, and the
    /// waiting ones that never will, for their type is turned off.
    pub(crate) fn set_limits(
        &mut self,
        limit: Option<usize>,
        of_type: Option<(&str, usize)>,
    ) -> (Vec<(T, Held)>, Vec<T>) {
        if let Some(limit) = limit {
            self.limit = limit;
        }

        let mut never = Vec::new();
        if let Some((kind, limit)) = of_type {
            let name = self.name_of(kind);
            self.type_limits.insert(name, limit);
            if limit == 0 {
                let (off, parked) = std::mem::take(&mut self.parked)
                    .into_iter()
                    .partition::<Vec<_>, _>(|(waiting, _)| **waiting == *kind);
                self.parked = parked.into();
                never = off.into_iter().map(|(_, ticket)| ticket).collect();
            }
        }

        (self.unpark(), never)
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

    /// Tasks that have a slot.
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
        Held::Task { kind: Some(kind) }
    }

    fn unpark(&mut self) -> Vec<(T, Held)> {
        let mut started = Vec::new();
        for (kind, ticket) in std::mem::take(&mut self.parked) {
            let limit = self.type_limits.get(&kind).copied().unwrap_or(usize::MAX);
            if self.running(&kind) < limit && self.reserved < self.limit {
                self.reserved += 1;
                self.tasks += 1;
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
