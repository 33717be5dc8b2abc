//! What the answers of orchestrators mean for results.

use std::sync::Arc;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::outbox::{Ticket, Verdict};
use super::{Answered, Courier};
use crate::id::OrchestratorId;
use crate::task::Outcome;
use crate::transport::{Receipt, TransportError};

impl Handler<Answered> for Courier {
    type Result = ();

    fn handle(&mut self, answered: Answered, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.answered(answered, now);
        self.go(now, ctx);
    }
}

impl Courier {
    fn answered(&mut self, answered: Answered, now: Instant) {
        let Answered { ticket, answer } = answered;
        let verdict = self.outbox.answered(ticket, &answer, now, fastrand::f64());
        // Whoever sees that it is delivered sees that it is not on its way any more.
        self.board.set_unsent(self.unsent());
        let Some(parcel) = self.parcels.get_mut(&ticket) else {
            return;
        };
        let task_id = &parcel.result.task_id;
        match verdict {
            Verdict::Done if matches!(answer, Ok(Receipt::Lost(_))) => {
                if let Ok(Receipt::Lost(reason)) = &answer {
                    error!(%task_id, reason, "the result is lost");
                }
                self.board.result_lost(&parcel.result.task_id);
                self.close(ticket);
            }
            Verdict::Done => {
                if let Ok(Receipt::Ignored(reason)) = &answer {
                    warn!(%task_id, reason, "the orchestrator has no use for the result");
                }
                if let Err(error) = &answer {
                    warn!(%task_id, %error, "not sent again: AXON_RESULT_AMBIGUOUS is drop");
                }
                self.board.result_delivered(&parcel.result.task_id);
                self.close(ticket);
            }
            Verdict::Later => {
                if let Err(error) = &answer {
                    debug!(%task_id, %error, "the result is sent again later");
                    let origin = parcel.result.origin;
                    self.tell_of_failure(origin, ticket, error, now);
                }
                self.board.result_put_off();
            }
            Verdict::Replace(failure) => {
                warn!(%task_id, %failure, "a failure goes in place of the result");
                let mut result = (*parcel.result).clone();
                result.outcome = Outcome::Failed(failure);
                let result = Arc::new(result);
                self.backlog.remove(&parcel.result);
                self.backlog.add(&result);
                parcel.result = result.clone();
                self.records.finished(&result);
            }
            Verdict::Lost(reason) => {
                error!(%task_id, reason, "the orchestrator does not take the result, it is lost");
                self.board.result_lost(&parcel.result.task_id);
                self.close(ticket);
            }
        }
    }
}

impl Courier {
    /// Warns of results that do not go out: at first, then now and then.
    fn tell_of_failure(
        &mut self,
        origin: OrchestratorId,
        ticket: Ticket,
        error: &TransportError,
        now: Instant,
    ) {
        if !self.flows.entry(origin).or_default().failed(ticket, now) {
            return;
        }
        let parcels = self.parcels.values();
        let since = parcels.filter(|parcel| parcel.result.origin == origin);
        let since: Vec<_> = since.map(|parcel| parcel.since).collect();
        let oldest = since.iter().min().map(|since| now - *since);
        warn!(
            orchestrator = self.name_of(origin),
            unsent = since.len(),
            oldest_seconds = oldest.unwrap_or_default().as_secs(),
            %error,
            "results do not go out, they are sent again until they do"
        );
    }

    /// Says that results flow again, if somebody was warned that they do not.
    pub(super) fn tell_of_end(&mut self, origin: OrchestratorId, ticket: Ticket) {
        let flow = self.flows.get_mut(&origin);
        if flow.is_some_and(|flow| flow.gone(ticket)) {
            let orchestrator = self.name_of(origin);
            info!(orchestrator, unsent = self.unsent(), "results go out again");
        }
    }

    fn name_of(&self, origin: OrchestratorId) -> &str {
        self.board.link(origin.0).map_or("", |link| link.name())
    }
}
