//! What the answers of orchestrators mean for results.

use std::sync::Arc;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::outbox::Verdict;
use super::{Answered, Courier};
use crate::task::Outcome;
use crate::transport::Receipt;

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
