//! The keeper of slots: a permit is taken before a poll goes out, travels with
//! the task, and gives its slot back when it is dropped, wherever that happens.

mod permit;
mod policy;
mod policy_query;
mod slots;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix::prelude::*;

pub(crate) use permit::{Permit, SlotNews};
use policy::PolicyDesk;

use super::heartbeat::StateChanged;
use super::poller::SlotsGranted;
use super::supervisor::{ClaimAnswered, TaskKey};
use crate::status::StatusBoard;
use crate::transport::{Availability, Offer};
pub(crate) use slots::Slots;
use slots::{Claim, Held};

/// A task came in and wants a slot of its type; the answer is [`ClaimAnswered`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ClaimType {
    pub(crate) key: TaskKey,
    pub(crate) kind: Option<String>,
    pub(crate) permit: Permit,
}

/// The task does not wait for a slot any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct WithdrawClaim(pub(crate) TaskKey);

/// Other limits from now on. Lowering one interrupts nothing.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetLimits {
    pub(crate) limit: Option<usize>,
    pub(crate) of_type: Option<(String, usize)>,
}

/// What is free?
#[derive(Debug, Message)]
#[rtype(result = "CapacityView")]
pub(crate) struct GetCapacity;

/// The answer to [`GetCapacity`].
#[derive(Debug, Clone, MessageResponse)]
pub(crate) struct CapacityView {
    pub(crate) availability: Availability,
    pub(crate) available: Arc<[crate::TaskName]>,
}

/// The global limit and the limits by type.
pub(crate) struct CapacityTracker {
    slots: Slots<(TaskKey, Permit)>,
    wanted: usize,
    policy: Option<PolicyDesk>,
    poller: Recipient<SlotsGranted>,
    supervisor: Recipient<ClaimAnswered>,
    heartbeat: Recipient<StateChanged>,
    board: Arc<StatusBoard>,
}

impl CapacityTracker {
    pub(crate) fn new(
        slots: Slots<(TaskKey, Permit)>,
        poller: Recipient<SlotsGranted>,
        supervisor: Recipient<ClaimAnswered>,
        heartbeat: Recipient<StateChanged>,
        board: Arc<StatusBoard>,
    ) -> Self {
        Self {
            slots,
            wanted: 0,
            policy: None,
            poller,
            supervisor,
            heartbeat,
            board,
        }
    }

    /// Hands out what is free and tells who has to know.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.slots.refresh() {
            self.heartbeat.do_send(StateChanged);
        }
        if let Some(policy) = &mut self.policy {
            policy.look_at_the_clock();
        }
        let mut permits = Vec::new();
        while self.wanted > 0 && self.policy.as_ref().is_none_or(PolicyDesk::allows) {
            let Some(held) = self.slots.reserve() else {
                break;
            };
            self.wanted -= 1;
            if let Some(policy) = &mut self.policy {
                policy.spend();
            }
            permits.push(Permit::new(held, ctx.address().recipient()));
        }
        if !permits.is_empty() {
            let offer = Offer {
                available: self.slots.available().clone(),
                hot: Arc::default(),
            };
            self.poller.do_send(SlotsGranted { permits, offer });
        }
        self.board
            .set_capacity(|capacity| self.slots.tell(capacity));
        self.ask_policy(ctx);
    }

    fn pass_on(&self, started: Vec<((TaskKey, Permit), Held)>) {
        for ((key, mut permit), held) in started {
            permit.stand_for(held);
            self.supervisor.do_send(ClaimAnswered {
                key,
                permit: Some(permit),
            });
        }
    }
}

impl CapacityTracker {
    /// Tells that a task will never start, for its type is turned off.
    fn refuse(&self, (key, permit): (TaskKey, Permit)) {
        // First, so that the slot counts as free when the answer of the task goes out.
        drop(permit);
        self.supervisor.do_send(ClaimAnswered { key, permit: None });
    }
}

impl Actor for CapacityTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.ask_policy(ctx);
    }
}

impl Handler<SlotNews> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, news: SlotNews, ctx: &mut Self::Context) {
        match news {
            SlotNews::Wanted(more) => self.wanted = self.wanted.saturating_add_signed(more),
            SlotNews::UntypedCame => self.slots.begin_untyped(),
            SlotNews::Released(held) => {
                let started = self.slots.release(&held);
                self.pass_on(started);
            }
        }

        self.settle(ctx);
    }
}

impl Handler<ClaimType> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, claim: ClaimType, ctx: &mut Self::Context) {
        let ClaimType {
            key,
            kind,
            mut permit,
        } = claim;
        permit.stand_for(Held::Parked);

        match self.slots.claim((key, permit), kind.as_deref()) {
            Claim::Granted(ticket, held) => self.pass_on(vec![(ticket, held)]),
            Claim::Parked => {}
            Claim::Never((key, mut permit)) => {
                permit.stand_for(Held::Task { kind: None });
                self.refuse((key, permit));
            }
        }

        self.settle(ctx);
    }
}

impl Handler<WithdrawClaim> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, WithdrawClaim(key): WithdrawClaim, _: &mut Self::Context) {
        // The permit in it comes back as `SlotNews::Released`.
        drop(self.slots.withdraw(|(waiting, _)| *waiting == key));
    }
}

impl Handler<SetLimits> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, change: SetLimits, ctx: &mut Self::Context) {
        let of_type = change
            .of_type
            .as_ref()
            .map(|(kind, limit)| (kind.as_str(), *limit));

        let (started, never) = self.slots.set_limits(change.limit, of_type);
        self.pass_on(started);
        for waiting in never {
            self.refuse(waiting);
        }
        self.settle(ctx);
    }
}

impl Handler<GetCapacity> for CapacityTracker {
    type Result = CapacityView;

    fn handle(&mut self, _: GetCapacity, _: &mut Self::Context) -> CapacityView {
        CapacityView {
            availability: self.slots.availability(),
            available: self.slots.available().clone(),
        }
    }
}
