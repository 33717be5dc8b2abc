//! The queue moves on, and room is made for the first in it.

use super::{Book, Shelf, Stage, Step};

impl<T: PartialEq> Shelf<T> {
    /// Serves the queue in its order, as far as there is room. One who waits for the model
    /// of the same name to leave holds up nobody.
    pub(super) fn advance(&mut self) -> Vec<Step<T>> {
        let mut steps = Vec::new();
        let was_blocked = std::mem::take(&mut self.blocked);
        let mut place = 0;
        while let Some(want) = self.queue.get(place) {
            let (name, cost) = (want.name.clone(), want.cost);
            match self.books.get_mut(&name) {
                Some(book) if book.condemned || matches!(book.stage, Stage::Leaving) => {
                    place += 1;
                }
                Some(book) => {
                    // It has been loaded meanwhile, or nobody was given it for a while.
                    if let Some(want) = self.queue.remove(place) {
                        match &mut book.stage {
                            Stage::Loading(tickets) => tickets.extend(want.tickets),
                            _ => book.give(&name, want.tickets, &mut steps),
                        }
                    }
                }
                None if cost <= self.budget - self.used => {
                    if let Some(want) = self.queue.remove(place) {
                        self.used += cost;
                        let book = Book {
                            cost,
                            stage: Stage::Loading(want.tickets),
                            condemned: false,
                        };
                        self.books.insert(name.clone(), book);
                        steps.push(Step::Load(name));
                    }
                    self.overtaken = 0;
                }
                None => {
                    self.blocked = true;
                    self.make_room(cost, &mut steps);
                    break;
                }
            }
        }
        if !self.blocked && was_blocked {
            self.overtaken = 0;
        }
        steps
    }

    /// Sends away what has not been used for longest, if that is enough; otherwise nobody,
    /// for somebody would have to come back first.
    fn make_room(&mut self, cost: u64, steps: &mut Vec<Step<T>>) {
        let is_leaving = |book: &&Book<T>| matches!(book.stage, Stage::Leaving);
        let leaving: u64 = self
            .books
            .values()
            .filter(is_leaving)
            .map(|it| it.cost)
            .sum();
        let free = self.budget - self.used + leaving;
        let mut unpinned: Vec<_> = self
            .books
            .iter()
            .filter_map(|(name, book)| match book.stage {
                Stage::Ready { pins: 0, used_at } => Some((used_at, name.clone(), book.cost)),
                _ => None,
            })
            .collect();
        let in_reach: u64 = unpinned.iter().map(|(_, _, cost)| cost).sum();
        let Some(mut missing) = cost.checked_sub(free).filter(|it| *it <= in_reach) else {
            return;
        };
        unpinned.sort_unstable();
        for (_, name, cost) in unpinned {
            if missing == 0 {
                break;
            }
            missing = missing.saturating_sub(cost);
            if let Some(book) = self.books.get_mut(&name) {
                book.stage = Stage::Leaving;
                steps.push(Step::Evict(name));
            }
        }
    }
}
