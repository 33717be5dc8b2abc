//! The poll loop: as many polls as there are reasons and free slots for, each
//! with a permit in hand before it is sent.

mod poll_scale;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::capacity::{Permit, SlotNews};
use super::pool::PollNext;
use super::supervisor::StartTask;
use crate::status::{Ping, StatusBoard};
use crate::task::Task;
use crate::transport::Offer;
pub(crate) use poll_scale::PollScale;

/// A server that answers empty polls at once, instead of holding them, is asked
/// less and less often, down to this.
const LONGEST_IDLE_DELAY: Duration = Duration::from_secs(1);
/// An empty answer that came sooner was not held.
const HELD: Duration = Duration::from_millis(200);

/// Slots are free: a poll may go out for each.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SlotsGranted {
    pub(crate) permits: Vec<Permit>,
    pub(crate) offer: Offer,
}

/// A poll came back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PollEnded {
    pub(crate) permit: Permit,
    pub(crate) sent: Instant,
    pub(crate) outcome: PollOutcome,
}

/// What a poll brought.
#[derive(Debug)]
pub(crate) enum PollOutcome {
    /// A task.
    Found(Box<Task>),
    /// Nothing, after being held or not.
    Nothing,
    /// An error; the pool knows which and leaves that orchestrator alone for a while.
    Failed,
    /// No orchestrator can be asked before this time, or before [`Ready`] if none is known.
    NobodyReady(Option<Instant>),
}

/// An orchestrator can be polled again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ready;

/// So many polls do not count: those open where no tasks are wanted, and one for an
/// orchestrator that failed and is to be tried again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Sidelined(pub(crate) usize);

/// Send polls or send none. Open ones stay open.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetIntake(pub(crate) bool);

/// Why no polls are sent although tasks are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    /// Results of an earlier process go out first.
    Leftovers,
    /// The journal has no room for more results.
    #[cfg(feature = "journal")]
    JournalFull,
    /// Too many results are undelivered.
    Backlog,
    /// The worker is in no state to do tasks.
    Unwell,
}

/// Send no polls for this reason, or no longer for this reason.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetHold {
    pub(crate) why: Hold,
    pub(crate) on: bool,
}

/// How many polls are open?
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct GetOpenPolls;

/// Keeps polls open.
pub(crate) struct Poller {
    scale: PollScale,
    idle_delay: Duration,
    /// Grows while the server does not hold its polls.
    current_delay: Duration,
    intake: bool,
    holds: HashSet<Hold>,
    open: usize,
    sidelined: usize,
    wanted: usize,
    /// Nothing is sent before this timer has run, if there is one.
    resting: Option<SpawnHandle>,
    /// Nobody is ready; wait for news.
    stalled: bool,
    capacity: Recipient<SlotNews>,
    pool: Recipient<PollNext>,
    supervisor: Recipient<StartTask>,
    board: Arc<StatusBoard>,
}

impl Poller {
    pub(crate) fn new(
        scale: PollScale,
        idle_delay: Duration,
        capacity: Recipient<SlotNews>,
        pool: Recipient<PollNext>,
        supervisor: Recipient<StartTask>,
        board: Arc<StatusBoard>,
    ) -> Self {
        Self {
            scale,
            idle_delay,
            current_delay: idle_delay,
            intake: true,
            holds: HashSet::new(),
            open: 0,
            sidelined: 0,
            wanted: 0,
            resting: None,
            stalled: false,
            capacity,
            pool,
            supervisor,
            board,
        }
    }

    /// Asks for the slots of the polls that should be open and are not.
    fn fill(&mut self) {
        let allowed = self.intake && self.holds.is_empty();
        let sending = allowed && !self.stalled && self.resting.is_none();
        let target = if sending {
            self.scale.target() + self.sidelined
        } else {
            self.open
        };
        let wanted = target.saturating_sub(self.open);
        let more = wanted.cast_signed() - self.wanted.cast_signed();
        if more != 0 {
            self.wanted = wanted;
            self.capacity.do_send(SlotNews::Wanted(more));
        }
    }

    fn rest(&mut self, ctx: &mut Context<Self>, delay: Duration) {
        if let Some(timer) = self.resting.take() {
            ctx.cancel_future(timer);
        }
        self.resting = Some(ctx.run_later(delay, |poller, _| {
            poller.resting = None;
            poller.stalled = false;
            poller.fill();
        }));
    }
}

impl Actor for Poller {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.fill();
    }
}

impl Handler<SlotsGranted> for Poller {
    type Result = ();

    fn handle(&mut self, granted: SlotsGranted, _: &mut Self::Context) {
        let SlotsGranted { mut permits, offer } = granted;
        // Grants that were under way when the want was taken back are given back.
        permits.truncate(self.wanted);
        if permits.is_empty() {
            return;
        }
        self.wanted -= permits.len();
        self.open += permits.len();
        self.pool.do_send(PollNext { permits, offer });
    }
}

impl Handler<PollEnded> for Poller {
    type Result = ();

    fn handle(&mut self, poll: PollEnded, ctx: &mut Self::Context) {
        let PollEnded {
            permit,
            sent,
            outcome,
        } = poll;
        self.open -= 1;

        // Whoever was asked may be asked again; if not, the pool will say so anew.
        self.stalled = matches!(outcome, PollOutcome::NobodyReady(_));
        match outcome {
            PollOutcome::Found(task) => {
                self.scale.found();
                self.current_delay = self.idle_delay;
                self.supervisor.do_send(StartTask { task, permit });
            }
            PollOutcome::Nothing => {
                self.scale.found_nothing();
                self.current_delay = if sent.elapsed() < HELD {
                    (self.current_delay.max(Duration::from_millis(1)) * 2).min(LONGEST_IDLE_DELAY)
                } else {
                    self.idle_delay
                };
                if self.current_delay > Duration::ZERO && self.resting.is_none() {
                    self.rest(ctx, self.current_delay);
                }
            }
            PollOutcome::Failed => {}
            PollOutcome::NobodyReady(until) => {
                if let Some(until) = until {
                    self.rest(ctx, until.saturating_duration_since(Instant::now()));
                }
            }
        }

        self.fill();
    }
}

impl Handler<Ready> for Poller {
    type Result = ();

    fn handle(&mut self, _: Ready, ctx: &mut Self::Context) {
        if self.stalled {
            self.stalled = false;
            if let Some(timer) = self.resting.take() {
                ctx.cancel_future(timer);
            }
        }
        self.fill();
    }
}

impl Handler<Sidelined> for Poller {
    type Result = ();

    fn handle(&mut self, Sidelined(polls): Sidelined, _: &mut Self::Context) {
        self.sidelined = polls;
        self.fill();
    }
}

impl Handler<SetIntake> for Poller {
    type Result = ();

    fn handle(&mut self, SetIntake(on): SetIntake, _: &mut Self::Context) {
        self.intake = on;
        self.fill();
    }
}

impl Handler<SetHold> for Poller {
    type Result = ();

    fn handle(&mut self, SetHold { why, on }: SetHold, _: &mut Self::Context) {
        if on {
            self.holds.insert(why);
        } else {
            self.holds.remove(&why);
        }
        // The board knows the reason of that one.
        let is_held = self.holds.iter().any(|why| *why != Hold::Unwell);
        self.board.set_held(is_held);
        self.fill();
    }
}

impl Handler<GetOpenPolls> for Poller {
    type Result = usize;

    fn handle(&mut self, _: GetOpenPolls, _: &mut Self::Context) -> usize {
        self.open
    }
}

impl Handler<Ping> for Poller {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
