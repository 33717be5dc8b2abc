//! The slot policy of the user, seen from the `CapacityTracker`: asked elsewhere, so that
//! user code holds up nothing here.

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{info, warn};

use super::CapacityTracker;
use super::policy_query::PolicyQuery;
use crate::slot_policy::{Policies, Ruling, Seat};

/// The slot policy has answered; `None`: it panicked.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ruled(Option<Ruling>);

/// Ask the slot policy at once.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct AskPolicy;

/// The policy of a worker that has one.
pub(super) struct PolicyDesk {
    asking: PolicyQuery,
    seat: Seat,
    timer: Option<(Instant, SpawnHandle)>,
}

impl PolicyDesk {
    pub(super) fn allows(&self) -> bool {
        self.asking.allows()
    }

    pub(super) fn look_at_the_clock(&mut self) {
        if self.asking.is_overdue(Instant::now()) {
            warn!("the slot policy does not answer; its last answer holds meanwhile");
        }
    }

    pub(super) fn spend(&mut self) {
        self.asking.spend();
    }
}

impl CapacityTracker {
    /// Reserves no slot that these policies do not allow. With `beside`, they get a thread
    /// of their own.
    pub(crate) fn with_policies(
        mut self,
        policies: Policies,
        beside: bool,
        me: &Addr<Self>,
    ) -> std::io::Result<Self> {
        if policies.is_empty() {
            return Ok(self);
        }
        for poke in policies.pokes() {
            let (mut pokes, me) = (poke.listen(), me.downgrade());
            // Ends with the worker: a poke may outlive it.
            actix_rt::spawn(async move {
                while pokes.changed().await.is_ok() {
                    match me.upgrade() {
                        Some(me) => me.do_send(AskPolicy),
                        None => break,
                    }
                }
            });
        }
        // Weak, or the thread would keep the tracker, and the tracker the thread.
        let me = me.downgrade();
        let answer = move |ruling| {
            if let Some(me) = me.upgrade() {
                me.do_send(Ruled(ruling));
            }
        };
        let seat = if beside {
            Seat::beside(policies, answer)?
        } else {
            Seat::here(policies, answer)
        };
        let asking = PolicyQuery::new();
        self.slots.rule(asking.ruling());
        self.policy = Some(PolicyDesk {
            asking,
            seat,
            timer: None,
        });
        Ok(self)
    }

    /// Puts the question that is due, and sees to it that the next one is put.
    pub(super) fn ask_policy(&mut self, ctx: &mut Context<Self>) {
        let Some(desk) = &mut self.policy else {
            return;
        };
        let now = Instant::now();
        let slots = &self.slots;
        let reservable = self.wanted > 0 && slots.can_reserve();
        let refused = slots.refused().is_some();
        let question = desk
            .asking
            .question(reservable, refused, || slots.view(), now);
        if let Some(view) = question {
            desk.seat.ask(view, now.into_std());
        }
        let wakes_at = desk.asking.wakes_at();
        if desk.timer.as_ref().map(|(at, _)| *at) == wakes_at {
            return;
        }
        if let Some((_, timer)) = desk.timer.take() {
            ctx.cancel_future(timer);
        }
        desk.timer = wakes_at.map(|at| {
            let wait = at.saturating_duration_since(now);
            let timer = ctx.run_later(wait, |tracker, ctx| {
                if let Some(desk) = &mut tracker.policy {
                    desk.timer = None;
                }
                tracker.settle(ctx);
            });
            (at, timer)
        });
    }
}

impl Handler<Ruled> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, Ruled(ruling): Ruled, ctx: &mut Self::Context) {
        let Some(desk) = &mut self.policy else {
            return;
        };
        desk.asking.answered(ruling, Instant::now());
        let before = self.slots.refused().cloned();
        self.slots.rule(desk.asking.ruling());
        match (before, self.slots.refused()) {
            (None, Some(because)) => info!(%because, "the slot policy wants no more tasks"),
            (Some(_), None) => info!("the slot policy wants tasks"),
            _ => {}
        }
        self.settle(ctx);
    }
}

impl Handler<AskPolicy> for CapacityTracker {
    type Result = ();

    fn handle(&mut self, _: AskPolicy, ctx: &mut Self::Context) {
        if let Some(desk) = &mut self.policy {
            desk.asking.poke();
        }
        self.settle(ctx);
    }
}
