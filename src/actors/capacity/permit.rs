//! The right to have a task, which goes with it wherever it goes.

use actix::prelude::*;

use super::slots::Held;

/// Something that changes how many slots are free, or who wants one. One message for all of
/// it, since its order matters: a slot must not be given back before the task has come that
/// it was for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) enum SlotNews {
    /// The poller wants so many slots more than before, or fewer; they come as
    /// [`SlotsGranted`](crate::actors::poller::SlotsGranted) as soon as they are free.
    ///
    /// A difference, for grants may be under way: if the poller said how many it wants all
    /// told, those would be granted a second time.
    Wanted(isize),
    /// A task without a type came in: it has all the slots it needs.
    UntypedCame,
    /// A permit was dropped.
    Released(Held),
}

/// The right to have one task, or to ask for one. Dropped anywhere, it gives its slot back.
#[derive(Debug)]
pub(crate) struct Permit {
    held: Held,
    tracker: Recipient<SlotNews>,
}

impl Permit {
    pub(super) fn new(held: Held, tracker: Recipient<SlotNews>) -> Self {
        Self { held, tracker }
    }

    /// Changes what the permit stands for.
    pub(super) fn stand_for(&mut self, held: Held) {
        self.held = held;
    }

    /// A task without a type came in on this slot.
    pub(crate) fn begin_untyped(&mut self) {
        self.stand_for(Held::Task { kind: None });
        self.tracker.do_send(SlotNews::UntypedCame);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.tracker.do_send(SlotNews::Released(held));
    }
}
