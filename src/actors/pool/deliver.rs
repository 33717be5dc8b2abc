//! Results on their way out.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::beat_pace::BeatCause;
use super::refusals::Endpoint;
use super::roles::Role;
use super::{OrchestratorPool, guarded};
use crate::actors::courier::Answered;
use crate::actors::courier::Ticket;
use crate::actors::poller::Ready;
use crate::id::OrchestratorId;
use crate::status::Exchange;
use crate::task::{Outcome, TaskResult};
use crate::transport::{Availability, Receipt, TransportError};

/// Hand a result to the orchestrator it belongs to. One attempt; the answer is
/// [`Answered`], always.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver {
    pub(crate) ticket: Ticket,
    pub(crate) result: Arc<TaskResult>,
}

/// Too many results wait for this orchestrator to take more of its tasks, or no longer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetBacklogged {
    pub(crate) id: OrchestratorId,
    pub(crate) on: bool,
}

impl Handler<SetBacklogged> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, SetBacklogged { id, on }: SetBacklogged, ctx: &mut Self::Context) {
        let session = self.session(id);
        session.backlogged = on;
        let orchestrator = &session.settings.name;
        if on {
            warn!(%orchestrator, "its results pile up, no more of its tasks are taken");
        } else {
            info!(%orchestrator, "enough of its results are out, its tasks are taken again");
        }
        if let Some(report) = self.last_report.clone() {
            self.beat(id, report, BeatCause::Change, ctx);
        }
        self.count_sidelined(Instant::now());
        self.neighbours.ready.do_send(Ready);
    }
}

/// A result was answered.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DeliveryAnswered {
    id: OrchestratorId,
    ticket: Ticket,
    sent: Instant,
    answer: Result<Receipt, TransportError>,
}

impl Handler<Deliver> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, Deliver { ticket, result }: Deliver, ctx: &mut Self::Context) {
        let (id, me) = (result.origin, ctx.address());
        let session = self.session(id);
        let transport = session.transport();

        // A failed task is handed out again at once, or never: avtomatika puts the
        // job on a siding when it knows of no idle worker at that moment. So it
        // must learn first that our slot is free again.
        let unseen = is_retried(&result.outcome)
            && session.role == Role::Active
            && !session.backlogged
            && !session.believes_free_for(&result.name);

        let (neighbours, board) = (self.neighbours.clone(), self.board.clone());
        actix_rt::spawn(async move {
            if unseen
                && let Ok(Some(report)) = neighbours.heartbeat.send(super::TakeReport).await
                && report.availability == Availability::Idle
            {
                let sent = Instant::now();
                let answer = guarded(transport.heartbeat(report.clone())).await;
                debug!(ok = answer.is_ok(), "told our free slot before a failure");
                me.do_send(super::beats::told(id, report, answer, sent.elapsed()));
            }

            let sent = Instant::now();
            let answer = guarded(transport.deliver(result)).await;
            if let Some(link) = board.link(id.0) {
                link.note(Exchange::Result, Duration::ZERO, &answer, true);
            }
            me.do_send(DeliveryAnswered {
                id,
                ticket,
                sent,
                answer,
            });
        });
    }
}

fn is_retried(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(error) => error.code().is_retried(),
        Outcome::Interrupted(_) => true,
        Outcome::Completed(_) | Outcome::Cancelled => false,
    }
}

impl Handler<DeliveryAnswered> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, answered: DeliveryAnswered, ctx: &mut Self::Context) {
        let DeliveryAnswered {
            id,
            ticket,
            sent,
            answer,
        } = answered;
        match &answer {
            Ok(_) => {
                self.answered_as_known(id, Endpoint::Result);
                self.heard_of(id, ctx);
            }
            Err(error) => {
                if self.session(id).note_failure(error) {
                    self.refused_as_stranger(id, Endpoint::Result, sent, ctx);
                }
            }
        }
        self.neighbours
            .answered
            .do_send(Answered { ticket, answer });
    }
}
