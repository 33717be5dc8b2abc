//! Tasks in, results out.

use std::time::Duration;

use awc::http::StatusCode;
use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::time::Instant;
use tracing::warn;

use super::{RxonHttp, is_duplicate};
use crate::task::{Task, TaskResult};
use crate::transport::http::{Request, Response, RetryOnStale, SendError};
use crate::transport::rxon::dialect::Dialect;
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::{wire_1_0b2, wire_1_0b17};
use crate::transport::{Offer, Receipt, TransportError};

impl RxonHttp {
    pub(super) async fn take_task(&self, offer: Offer) -> Result<Option<Task>, TransportError> {
        let limit = self.hold.borrow().limit();
        let asked = Instant::now();
        let answered = self.exchange(&self.poll_request(&offer, limit)).await;
        if let Err(SendError::Late(_)) = answered {
            self.poll_was_late(limit);
        }
        let response = answered.map_err(|error| cut_or(error, asked.elapsed()))?;
        self.hold.borrow_mut().answered();
        let status = response.status;
        let response = self
            .error_for_status(response)
            .map_err(|error| cut_by_status_or(error, status, asked.elapsed()))?;
        if response.status == StatusCode::NO_CONTENT {
            self.poll_was_held(asked.elapsed());
            return Ok(None);
        }

        // The orchestrator counts this task as handed out. If only its ids can be
        // read, they are enough to tell it that the task failed.
        let body = &response.body;
        if let Some(error) = response.body_error() {
            return Err(unreadable(body, error.to_string(), error.broke_off()));
        }
        let handout = match wire_1_0b2::read_handout(self.origin, body) {
            Err(TransportError::Malformed { reason, .. }) if ends_early(body) => {
                return Err(unreadable(body, reason, true));
            }
            read => read?,
        };

        self.trust.check(&handout, body)?;
        let mut task = handout.task;
        // Signed as it was sent; from here on our clock is meant.
        task.deadline = task.deadline.map(|at| self.clock.ours(at));
        // Most tasks come without, and their text need not be read once more.
        if handout.has_security {
            self.chains.remember(&task.id, body);
        }
        Ok(Some(task))
    }

    fn poll_was_late(&self, limit: Duration) {
        if let Some(longer) = self.hold.borrow_mut().was_late(limit) {
            warn!(
                orchestrator = %self.http.url(""),
                "a poll had no answer within {limit:?}; if the orchestrator still holds it, it \
                 takes a task with it. The next may last {longer:?}"
            );
        }
    }

    fn poll_was_held(&self, time: Duration) {
        if self.hold.borrow_mut().ended(time) {
            warn!(
                orchestrator = %self.http.url(""),
                "it holds polls for {time:.0?}, longer than TASK_POLL_TIMEOUT ({:?}); polls last \
                 as long as that",
                self.poll_hold
            );
        }
    }

    pub(super) async fn give_result(&self, result: &TaskResult) -> Result<Receipt, TransportError> {
        let request = self.result_request();
        let request = match self.dialect.get() {
            // Never repeated here: 1.0b2 runs a job's transition once per copy.
            Dialect::V1_0b2 => request.body(wire_1_0b2::write_result(&self.worker_id, result)),
            // A second copy is recognised.
            Dialect::V1_0b17 => request
                .body(self.sealed_result(result)?)
                .retry(RetryOnStale::Once),
        };
        let receipt = match self.send_result(result, &request).await {
            // The status has said it; a broken body changes nothing.
            Ok(answer) => Ok(wire_1_0b2::read_receipt(&answer.body)),
            // The job is over and forgotten.
            Err(TransportError::Refused { reason }) if wire_1_0b2::is_job_gone(&reason) => {
                Ok(Receipt::Ignored(reason))
            }
            // No two of our messages are the same, so it was this one that came before.
            Err(error) if is_duplicate(&error) => Ok(Receipt::Accepted),
            Err(error) => Err(error),
        };
        if receipt.is_ok() {
            self.chains.forget(&result.task_id);
        }
        receipt
    }

    /// Sends a result, and notices if its connection is cut each time.
    async fn send_result(
        &self,
        result: &TaskResult,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let (id, size) = (&result.task_id, request.body_length());
        let within = self.patience.borrow().of(id, size, self.request_timeout);
        let request = request.clone().while_moving(within);
        match self.exchange(&request).await {
            Ok(response) => {
                self.cut_results.borrow_mut().answered(id, size);
                self.odd_answers.borrow_mut().forget(id);
                self.patience.borrow_mut().forget(id);
                self.accept(response)
            }
            Err(SendError::Closed(reason)) if self.cut_results.borrow_mut().cut(id, size) => {
                warn!(task_id = %id, size, reason, "result cut off each time, taken for too large");
                Err(TransportError::TooLarge { size })
            }
            Err(SendError::Late(within)) => {
                self.patience.borrow_mut().was_late(id);
                let next = self.patience.borrow().of(id, size, self.request_timeout);
                warn!(task_id = %id, size, ?within, ?next, "a result was not answered in time; it may have been taken, and is sent again with more time");
                Err(SendError::Late(within).into())
            }
            // Not for ever: a few of these count as a fault each.
            Err(SendError::Other(TransportError::Malformed { reason, .. }))
                if self.odd_answers.borrow_mut().count(id) =>
            {
                Err(TransportError::Faulted { reason })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn sealed_result(&self, result: &TaskResult) -> Result<Bytes, TransportError> {
        let stamp = self.signing.stamp();
        let message = wire_1_0b17::write_result(&self.worker_id, result, &stamp);
        let chain = self.chains.of(&result.task_id);
        self.signing.seal(&message, MessageKind::Result, &chain)
    }
}

/// A poll that was open for so long did not fail for want of an orchestrator.
const A_WHILE: Duration = Duration::from_secs(1);

/// Returns the error of a poll whose connection ended, open for this long.
fn cut_or(error: SendError, after: Duration) -> TransportError {
    match error {
        SendError::Closed(reason) if after >= A_WHILE => TransportError::PollCut { after, reason },
        other => other.into(),
    }
}

/// Returns the error of a poll that was answered with this status after it was open for so
/// long: those of proxies that waited long enough mean a cut.
fn cut_by_status_or(error: TransportError, status: StatusCode, after: Duration) -> TransportError {
    match error {
        TransportError::Unavailable { reason }
            if after >= A_WHILE && [408, 502, 504].contains(&status.as_u16()) =>
        {
            TransportError::PollCut { after, reason }
        }
        other => other,
    }
}

/// Returns the error for what should have been a task. `may_be_whole`: the next time.
fn unreadable(body: &[u8], reason: String, may_be_whole: bool) -> TransportError {
    match (wire_1_0b2::ids_in(body), may_be_whole) {
        (Some(task), true) => TransportError::CutOff { reason, task },
        (None, true) => TransportError::NoAnswer { reason },
        (task, false) => TransportError::Malformed { reason, task },
    }
}

/// Returns `true` if a text is JSON that ends in the middle. What stands between us and the
/// orchestrator may have announced less than there is.
fn ends_early(body: &[u8]) -> bool {
    let read = serde_json::from_slice::<IgnoredAny>(body);
    !body.is_empty() && read.is_err_and(|error| error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_poll_is_cut_by_what_is_on_the_way_after_a_while() {
        let is_cut = |error: &TransportError| matches!(error, TransportError::PollCut { .. });
        let closed = || SendError::Closed("closed".to_owned());
        assert!(is_cut(&cut_or(closed(), 5 * SECOND)));
        assert!(!is_cut(&cut_or(closed(), SECOND / 2)));
        let reason = || "status".to_owned();
        for (status, after, expected) in [
            (504, 5 * SECOND, true),
            (502, 5 * SECOND, true),
            (408, 5 * SECOND, true),
            (503, 5 * SECOND, false),
            (504, SECOND / 2, false),
        ] {
            let error = TransportError::Unavailable { reason: reason() };
            let status = StatusCode::from_u16(status).unwrap();
            let error = cut_by_status_or(error, status, after);
            assert_eq!(is_cut(&error), expected, "{status} {after:?}");
        }
        let other = TransportError::Faulted { reason: reason() };
        let kept = cut_by_status_or(other.clone(), StatusCode::GATEWAY_TIMEOUT, 5 * SECOND);
        assert_eq!(kept, other);
    }
}
