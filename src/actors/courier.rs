//! Takes results to their orchestrators and does not let go of one before it has
//! an answer.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::pool::Deliver;
use super::supervisor::DeliverResult;
use crate::id::OrchestratorId;
use crate::policy::{Outbox, Ticket, Verdict};
use crate::status::StatusBoard;
use crate::storage::TaskFiles;
use crate::task::{Outcome, TaskResult};
use crate::transport::{Receipt, TransportError};

/// An orchestrator that was out of reach has answered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Recovered(pub(crate) OrchestratorId);

/// How many results are not delivered yet?
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct GetUnsent;

/// An attempt to deliver a result has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Answered {
    ticket: Ticket,
    answer: Result<Receipt, TransportError>,
}

struct Parcel {
    result: Arc<TaskResult>,
    /// Removed with the parcel.
    _files: Option<TaskFiles>,
}

/// Delivers results.
pub(crate) struct Courier {
    outbox: Outbox,
    parcels: HashMap<Ticket, Parcel>,
    pool: Rc<Recipient<Deliver>>,
    board: Arc<StatusBoard>,
    /// The next attempt that is known of.
    alarm: Option<(Instant, SpawnHandle)>,
}

impl Courier {
    pub(crate) fn new(outbox: Outbox, pool: Recipient<Deliver>, board: Arc<StatusBoard>) -> Self {
        Self {
            outbox,
            parcels: HashMap::new(),
            pool: Rc::new(pool),
            board,
            alarm: None,
        }
    }

    /// Sends what is due and sets the alarm for the rest.
    fn go(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for ticket in self.outbox.due(now) {
            let Some(parcel) = self.parcels.get(&ticket) else {
                continue;
            };
            let (pool, result, me) = (self.pool.clone(), parcel.result.clone(), ctx.address());
            actix_rt::spawn(async move {
                let answer = pool.send(Deliver(result)).await.unwrap_or_else(|_| {
                    Err(TransportError::Unreachable {
                        reason: "the worker is ending".into(),
                    })
                });
                me.do_send(Answered { ticket, answer });
            });
        }
        self.board.set_unsent(self.outbox.len());
        let next = self.outbox.wake_at(now);
        if self.alarm.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            ctx.cancel_future(timer);
        }
        self.alarm = next.map(|at| {
            let timer = ctx.run_later(at.saturating_duration_since(now), |courier, ctx| {
                courier.alarm = None;
                courier.go(ctx);
            });
            (at, timer)
        });
    }
}

impl Actor for Courier {
    type Context = Context<Self>;
}

impl Handler<DeliverResult> for Courier {
    type Result = ();

    fn handle(&mut self, deliver: DeliverResult, ctx: &mut Self::Context) {
        let DeliverResult { result, files } = deliver;
        let ticket = self.outbox.add(result.origin.0);
        self.parcels.insert(
            ticket,
            Parcel {
                result: Arc::new(result),
                _files: files,
            },
        );
        self.go(ctx);
    }
}

impl Handler<Answered> for Courier {
    type Result = ();

    fn handle(&mut self, answered: Answered, ctx: &mut Self::Context) {
        let Answered { ticket, answer } = answered;
        let verdict = self
            .outbox
            .answered(ticket, &answer, Instant::now(), fastrand::f64());
        let Some(parcel) = self.parcels.get_mut(&ticket) else {
            return;
        };
        let task_id = &parcel.result.task_id;
        match verdict {
            Verdict::Done => {
                if let Ok(Receipt::Ignored(reason)) = &answer {
                    warn!(%task_id, reason, "the orchestrator has no use for the result");
                }
                self.board.result_delivered();
                self.parcels.remove(&ticket);
            }
            Verdict::Later => {
                if let Err(error) = &answer {
                    debug!(%task_id, %error, "the result is sent again later");
                }
            }
            Verdict::Replace(failure) => {
                warn!(%task_id, %failure, "a failure goes in place of the result");
                let mut result = (*parcel.result).clone();
                result.outcome = Outcome::Failed(failure);
                parcel.result = Arc::new(result);
            }
            Verdict::Lost(reason) => {
                error!(%task_id, reason, "the orchestrator does not take the result, it is lost");
                self.board.result_lost();
                self.parcels.remove(&ticket);
            }
        }
        self.go(ctx);
    }
}

impl Handler<Recovered> for Courier {
    type Result = ();

    fn handle(&mut self, Recovered(id): Recovered, ctx: &mut Self::Context) {
        self.outbox.recovered(id.0, Instant::now());
        self.go(ctx);
    }
}

impl Handler<GetUnsent> for Courier {
    type Result = usize;

    fn handle(&mut self, _: GetUnsent, _: &mut Self::Context) -> usize {
        self.outbox.len()
    }
}
