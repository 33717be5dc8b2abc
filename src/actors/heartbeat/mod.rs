//! When to report the worker's state, and gathering it: on a steady beat, and
//! soon after every change, many changes at once.

mod beat_phase;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::capacity::GetCapacity;
use super::hot_cache::GetHotCache;
use super::pool::BeatCause;
use super::pool::SendBeat;
use super::supervisor::GetRunning;
use crate::transport::{Availability, Report, Usage};
use crate::usage::Gauge;
use beat_phase::{first_wait, next_wait};

/// Something that a heartbeat tells has changed; many of these make one heartbeat.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct StateChanged;

/// What is the state of the worker now? `None` when an actor is gone, that is, at the very end.
#[derive(Debug, Message)]
#[rtype(result = "Option<Report>")]
pub(crate) struct TakeReport;

/// Whatever the slots say, report this from now on; `None` lifts it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct OverrideAvailability(pub(crate) Option<Availability>);

/// The worker is in no state to take tasks, or is again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetUnwell(pub(crate) bool);

/// Whom to ask for the parts of a report.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) capacity: Recipient<GetCapacity>,
    pub(crate) supervisor: Recipient<GetRunning>,
    pub(crate) hot_cache: Recipient<GetHotCache>,
    pub(crate) gauge: Gauge,
}

impl Sources {
    /// The usage comes first, since it may take a moment and the state should be new.
    async fn gather_all(self, instead: Option<Availability>) -> Option<Report> {
        let usage = self.gauge.clone().read().await;
        self.gather(instead, usage).await
    }

    async fn gather(
        self,
        instead: Option<Availability>,
        usage: Option<Arc<Usage>>,
    ) -> Option<Report> {
        let capacity = self.capacity.send(GetCapacity).await.ok()?;
        let running = self.supervisor.send(GetRunning).await.ok()?;
        let hot = self.hot_cache.send(GetHotCache).await.ok()?;
        let availability = instead.unwrap_or(capacity.availability);
        let takes_tasks = availability == Availability::Idle;
        Some(Report {
            availability,
            available: if takes_tasks {
                capacity.available
            } else {
                [].into()
            },
            running: running.into(),
            hot_cache: hot.models,
            hot_skills: hot.skills,
            usage,
        })
    }
}

/// The heartbeat.
pub(crate) struct HeartbeatActor {
    debounce: Duration,
    every: Duration,
    sources: Sources,
    instead: Option<Availability>,
    unwell: bool,
    pool: Recipient<SendBeat>,
    /// The one beat that is due; never two.
    due: Option<(Instant, BeatCause, SpawnHandle)>,
}

impl HeartbeatActor {
    pub(crate) fn new(
        debounce: Duration,
        every: Duration,
        sources: Sources,
        pool: Recipient<SendBeat>,
    ) -> Self {
        Self {
            debounce,
            every,
            sources,
            instead: None,
            unwell: false,
            pool,
            due: None,
        }
    }

    /// An earlier beat is kept, so that a stream of changes cannot put it off for
    /// ever. Re-armed after each beat rather than by an interval, which would fire
    /// missed beats in a burst.
    fn arm(&mut self, ctx: &mut Context<Self>, after: Duration, cause: BeatCause) {
        let at = Instant::now() + after;
        match &mut self.due {
            Some((sooner, of_both, _)) if *sooner <= at => {
                // It tells the change as well.
                if cause == BeatCause::Change {
                    *of_both = cause;
                }
                return;
            }
            Some((_, _, later)) => {
                ctx.cancel_future(*later);
            }
            None => {}
        }
        let timer = ctx.run_later(after, |heart, ctx| {
            let cause = heart
                .due
                .take()
                .map_or(BeatCause::Change, |(_, cause, _)| cause);
            heart.beat(cause);
            let next = next_wait(heart.every, fastrand::f64());
            heart.arm(ctx, next, BeatCause::Regular);
        });
        self.due = Some((at, cause, timer));
    }

    /// What is told whatever the slots say.
    fn instead(&self) -> Option<Availability> {
        self.instead.or(self.unwell.then_some(Availability::Busy))
    }

    fn beat(&self, cause: BeatCause) {
        let (gather, pool) = (
            self.sources.clone().gather_all(self.instead()),
            self.pool.clone(),
        );
        actix_rt::spawn(async move {
            if let Some(report) = gather.await {
                pool.do_send(SendBeat { report, cause });
            }
        });
    }
}

impl Actor for HeartbeatActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let first = first_wait(self.every, fastrand::f64());
        self.arm(ctx, first, BeatCause::Regular);
    }
}

impl Handler<StateChanged> for HeartbeatActor {
    type Result = ();

    fn handle(&mut self, _: StateChanged, ctx: &mut Self::Context) {
        self.arm(ctx, self.debounce, BeatCause::Change);
    }
}

impl Handler<OverrideAvailability> for HeartbeatActor {
    type Result = ();

    fn handle(
        &mut self,
        OverrideAvailability(instead): OverrideAvailability,
        _: &mut Self::Context,
    ) {
        self.instead = instead;
    }
}

impl Handler<SetUnwell> for HeartbeatActor {
    type Result = ();

    fn handle(&mut self, SetUnwell(unwell): SetUnwell, ctx: &mut Self::Context) {
        self.unwell = unwell;
        self.handle(StateChanged, ctx);
    }
}

impl Handler<TakeReport> for HeartbeatActor {
    type Result = ResponseFuture<Option<Report>>;

    fn handle(&mut self, _: TakeReport, _: &mut Self::Context) -> Self::Result {
        // Somebody waits, so no new measurement.
        let usage = self.sources.gauge.latest();
        Box::pin(self.sources.clone().gather(self.instead(), usage))
    }
}
