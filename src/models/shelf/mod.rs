//! Which models are in memory: what fits, who has to leave, and who waits for whom.
//!
//! A model takes its cost from the moment it begins to load until it has really left. It
//! is never sent away while somebody holds it (a *pin*). Who needs room waits in the order
//! of asking; the least recently used models leave for the first in that queue.

mod book;
mod room;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use book::{Book, Stage, Want};

/// How many times those who want a model that is there may go before somebody who waits
/// for room. After that nobody gets a pin until there is room, for a model that is always
/// held by somebody would never leave.
const OVERTAKES: u32 = 32;

/// The models, and who waits for them. `T` stands for one who waits.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    budget: u64,
    used: u64,
    books: HashMap<Arc<str>, Book<T>>,
    queue: VecDeque<Want<T>>,
    /// The first in the queue waits for room.
    blocked: bool,
    overtaken: u32,
    clock: u64,
}

/// What has to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<T> {
    /// This one has the model, with a pin.
    Give(Arc<str>, T),
    /// Load it; [`Shelf::loaded`] or [`Shelf::failed`] follows.
    Load(Arc<str>),
    /// Send it away; [`Shelf::left`] follows when it is gone.
    Evict(Arc<str>),
}

/// The answer to somebody who asks for a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<T> {
    /// Here it is, with a pin.
    Given(T),
    /// It comes as [`Step::Give`], or fails.
    Waits(Vec<Step<T>>),
    /// Ask again and say what it costs.
    CostUnknown(T),
    /// It costs more than there is altogether.
    NeverFits { ticket: T, budget: u64 },
}

/// The answer to somebody who wants a model to leave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Evicted<T> {
    /// There was no such model.
    Absent,
    /// It leaves now.
    Now(Vec<Step<T>>),
    /// It leaves when nobody holds it any more.
    Later,
}

impl<T: PartialEq> Shelf<T> {
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget,
            used: 0,
            books: HashMap::new(),
            queue: VecDeque::new(),
            blocked: false,
            overtaken: 0,
            clock: 0,
        }
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// What a model costs that takes room.
    pub(crate) fn cost(&self, name: &str) -> u64 {
        self.books.get(name).map_or(0, |book| book.cost)
    }

    /// What the models cost that are there, are being loaded or are about to leave.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Somebody wants a model. The cost matters when it has to be loaded. One who `holds`
    /// another goes first, for the others may be waiting for that one.
    pub(crate) fn ask(
        &mut self,
        name: &str,
        cost: Option<u64>,
        ticket: T,
        holds: bool,
    ) -> Asked<T> {
        let passes = holds || !self.blocked || self.overtaken < OVERTAKES;
        let cost = match self.books.get_mut(name) {
            Some(book) if book.condemned || matches!(book.stage, Stage::Leaving) => cost,
            Some(book) => match &mut book.stage {
                Stage::Loading(tickets) => {
                    tickets.push(ticket);
                    return Asked::Waits(Vec::new());
                }
                Stage::Ready { pins, used_at } if passes => {
                    self.clock += 1;
                    *used_at = self.clock;
                    *pins += 1;
                    self.overtaken += u32::from(self.blocked);
                    return Asked::Given(ticket);
                }
                _ => Some(book.cost),
            },
            None => cost,
        };
        let place = self.queue.iter().position(|want| &*want.name == name);
        if let Some(mut want) = place.and_then(|place| self.queue.remove(place)) {
            want.tickets.push(ticket);
            let place = if holds { 0 } else { place.unwrap_or(0) };
            self.queue.insert(place, want);
            return Asked::Waits(self.advance());
        }
        let Some(cost) = cost else {
            return Asked::CostUnknown(ticket);
        };
        if cost > self.budget {
            let budget = self.budget;
            return Asked::NeverFits { ticket, budget };
        }
        let place = if holds { 0 } else { self.queue.len() };
        let want = Want {
            name: name.into(),
            cost,
            tickets: vec![ticket],
        };
        self.queue.insert(place, want);
        Asked::Waits(self.advance())
    }

    /// Who waited does not wait any more. A load that has begun goes on.
    pub(crate) fn withdraw(&mut self, ticket: &T) -> Vec<Step<T>> {
        for want in &mut self.queue {
            want.tickets.retain(|waiting| waiting != ticket);
        }
        for book in self.books.values_mut() {
            if let Stage::Loading(tickets) = &mut book.stage {
                tickets.retain(|waiting| waiting != ticket);
            }
        }
        let before = self.queue.len();
        self.queue.retain(|want| !want.tickets.is_empty());
        if self.queue.len() == before {
            return Vec::new();
        }
        self.advance()
    }

    /// A model is there.
    pub(crate) fn loaded(&mut self, name: &str) -> Vec<Step<T>> {
        self.clock += 1;
        let used_at = self.clock;
        let mut steps = Vec::new();
        if let Some((name, book)) = self.loading(name) {
            let ready = Stage::Ready { pins: 0, used_at };
            if let Stage::Loading(tickets) = std::mem::replace(&mut book.stage, ready) {
                book.give(&name, tickets, &mut steps);
            }
            steps.extend(book.leave_if_condemned(&name));
        }
        steps.append(&mut self.advance());
        steps
    }

    /// A model could not be loaded. Returns who waited for it.
    pub(crate) fn failed(&mut self, name: &str) -> (Vec<T>, Vec<Step<T>>) {
        let mut waited = Vec::new();
        if let Some((name, book)) = self.loading(name) {
            if let Stage::Loading(tickets) = &mut book.stage {
                waited = std::mem::take(tickets);
            }
            self.remove(&name);
        }
        (waited, self.advance())
    }

    /// A pin is given back.
    pub(crate) fn unpin(&mut self, name: &str) -> Vec<Step<T>> {
        self.clock += 1;
        let now = self.clock;
        let Some((name, book)) = self.book(name) else {
            return Vec::new();
        };
        if let Stage::Ready { pins, used_at } = &mut book.stage {
            debug_assert!(*pins > 0, "more pins given back than taken");
            *pins = pins.saturating_sub(1);
            *used_at = now;
        }
        let mut steps: Vec<_> = book.leave_if_condemned(&name).into_iter().collect();
        if self.blocked {
            steps.append(&mut self.advance());
        }
        steps
    }

    /// A model shall leave. Who asks for it from now on gets it loaded anew.
    pub(crate) fn evict(&mut self, name: &str) -> Evicted<T> {
        match self.book(name) {
            None => Evicted::Absent,
            Some((_, book)) if matches!(book.stage, Stage::Leaving) => Evicted::Now(Vec::new()),
            Some((name, book)) => {
                book.condemned = true;
                match book.leave_if_condemned(&name) {
                    Some(step) => Evicted::Now(vec![step]),
                    None => Evicted::Later,
                }
            }
        }
    }

    /// A model that was sent away is gone.
    pub(crate) fn left(&mut self, name: &str) -> Vec<Step<T>> {
        if let Some((name, book)) = self.book(name)
            && matches!(book.stage, Stage::Leaving)
        {
            self.remove(&name);
        }
        self.advance()
    }

    /// Nobody gets anything any more. Returns who waited in the queue; who waits for a load
    /// still gets it.
    pub(crate) fn clear(&mut self) -> (Vec<T>, Vec<Step<T>>) {
        let waiting = std::mem::take(&mut self.queue);
        self.blocked = false;
        let names: Vec<_> = self.books.keys().cloned().collect();
        let mut steps = Vec::new();
        for name in names {
            if let Evicted::Now(more) = self.evict(&name) {
                steps.extend(more);
            }
        }
        (
            waiting.into_iter().flat_map(|want| want.tickets).collect(),
            steps,
        )
    }

    /// Whether nothing is there, nor on its way in or out.
    pub(crate) fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    /// What is there, by name: the cost, and the pins; `None` while it comes or goes.
    pub(crate) fn list(&self) -> Vec<(Arc<str>, u64, Option<usize>)> {
        let shown = self.books.iter().map(|(name, book)| {
            let pins = match &book.stage {
                Stage::Ready { pins, .. } => Some(*pins),
                Stage::Loading(_) | Stage::Leaving => None,
            };
            (name.clone(), book.cost, pins)
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort();
        shown
    }

    fn book(&mut self, name: &str) -> Option<(Arc<str>, &mut Book<T>)> {
        let name = self.books.get_key_value(name)?.0.clone();
        let book = self.books.get_mut(&name)?;
        Some((name, book))
    }

    fn loading(&mut self, name: &str) -> Option<(Arc<str>, &mut Book<T>)> {
        let found = self.book(name)?;
        matches!(found.1.stage, Stage::Loading(_)).then_some(found)
    }

    fn remove(&mut self, name: &str) {
        if let Some(book) = self.books.remove(name) {
            self.used -= book.cost;
        }
    }
}

#[cfg(test)]
mod tests;
