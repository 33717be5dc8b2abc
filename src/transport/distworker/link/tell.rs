//! What is said about a task: its result, and its progress.

use tokio::sync::oneshot;

use super::DistWorker;
use crate::TaskId;
use crate::json::RawJson;
use crate::task::{Outcome, TaskResult};
use crate::transport::distworker::outcome;
use crate::transport::distworker::state::Order;
use crate::transport::{Receipt, TransportError};

impl DistWorker {
    pub(super) async fn give_result(&self, result: &TaskResult) -> Result<Receipt, TransportError> {
        let shared = &self.shared;
        let keeps = shared.identity.has_id();
        let place = shared.books.borrow().lane_of(&result.task_id);
        // With an id of our own, a result of an earlier process may be welcome, too.
        let Some(place) = place.or(keeps.then_some(0)) else {
            return Ok(Receipt::Lost(
                "its connection has ended, and the controller takes no result over another".into(),
            ));
        };
        let lane = &shared.lanes[place];
        if !lane.is_up.get() {
            let reason = "there is no connection to the controller".to_owned();
            return Err(TransportError::Unreachable { reason });
        }
        let bytes = outcome::end_of(result)?;
        let (taken, was_taken) = oneshot::channel();
        let order = Order::End {
            task_id: result.task_id.clone(),
            bytes,
            returns: !matches!(result.outcome, Outcome::Completed(_)),
            taken,
        };
        // Dropped with the order when the connection ends.
        let _ = lane.orders.send(order);
        match was_taken.await {
            Ok(()) => Ok(Receipt::Accepted),
            Err(_) if keeps => Err(TransportError::NoAnswer {
                reason: "the connection ended before the result was taken".to_owned(),
            }),
            Err(_) => Ok(Receipt::Lost(
                "its connection ended before the controller had confirmed it".to_owned(),
            )),
        }
    }

    pub(super) fn send_progress(
        &self,
        task_id: &TaskId,
        progress: f64,
        message: String,
        data: Option<&RawJson>,
    ) -> Result<bool, TransportError> {
        let Some(place) = self.shared.books.borrow().lane_of(task_id) else {
            return Ok(false);
        };
        let lane = &self.shared.lanes[place];
        if lane.is_up.get() {
            let bytes = outcome::progress(task_id.as_str(), progress, message, data)?;
            // Best effort: a connection that has ended takes none.
            let _ = lane.orders.send(Order::Message(bytes));
        }
        Ok(true)
    }
}
