//! Policies made of others.

use std::time::Instant;

use super::{Poke, Ruling, SlotPolicy, SlotView};

/// See [`SlotPolicy::and`]. Both are asked each time.
#[derive(Debug, Clone)]
pub struct Both<A, B>(pub(super) A, pub(super) B);

impl<A: SlotPolicy, B: SlotPolicy> SlotPolicy for Both<A, B> {
    fn rule(&mut self, view: &SlotView, now: Instant) -> Ruling {
        self.0.rule(view, now).and(self.1.rule(view, now))
    }

    fn pokes(&self) -> Vec<Poke> {
        [self.0.pokes(), self.1.pokes()].concat()
    }
}

/// See [`SlotPolicy::or`]. Both are asked each time.
#[derive(Debug, Clone)]
pub struct Either<A, B>(pub(super) A, pub(super) B);

impl<A: SlotPolicy, B: SlotPolicy> SlotPolicy for Either<A, B> {
    fn rule(&mut self, view: &SlotView, now: Instant) -> Ruling {
        self.0.rule(view, now).or(self.1.rule(view, now))
    }

    fn pokes(&self) -> Vec<Poke> {
        [self.0.pokes(), self.1.pokes()].concat()
    }
}
