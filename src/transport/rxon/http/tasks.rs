//! Tasks in, results out.

use actix_http::StatusCode;
use bytes::Bytes;

use super::{RxonHttp, TASK_LIMIT, is_duplicate};
use crate::task::{Task, TaskResult};
use crate::transport::http::{Limits, Outgoing, Repeat, Request};
use crate::transport::rxon::dialect::Dialect;
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::{wire_1_0b2, wire_1_0b17};
use crate::transport::{Offer, Receipt, TransportError};

impl RxonHttp {
    pub(super) async fn take_task(&self, offer: Offer) -> Result<Option<Task>, TransportError> {
        let outgoing = Outgoing {
            request: &self.poll_request(&offer),
            body: None,
            limits: Limits {
                within: self.poll_limit,
                body: TASK_LIMIT,
            },
            repeat: Repeat::Never,
        };
        let answer = self.exchange(&outgoing).await?;
        let answer = self.judge(answer)?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        // The orchestrator counts this task as handed out. If only its ids can be
        // read, they are enough to tell it that the task failed.
        let Some(reason) = answer.flaw() else {
            let handout = wire_1_0b2::read_handout(self.origin, &answer.body)?;
            self.trust.check(&handout, &answer.body)?;
            let task = handout.task;
            // Most tasks come without, and their text need not be read once more.
            if handout.has_security {
                self.chains.remember(&task.id, &answer.body);
            }
            return Ok(Some(task));
        };
        Err(
            match (wire_1_0b2::ids_in(&answer.body), answer.broke_off()) {
                (Some(task), true) => TransportError::CutOff { reason, task },
                (None, true) => TransportError::NoAnswer { reason },
                (task, false) => TransportError::Malformed { reason, task },
            },
        )
    }

    fn poll_request(&self, offer: &Offer) -> Request {
        let (card, report) = (self.card.borrow(), self.report.borrow());
        let hot = || match &*report {
            Some(report) => wire_1_0b17::hot_skills(card.as_deref(), report, &offer.available),
            None => Vec::new(),
        };
        self.requests().poll(&self.http, &offer.available, hot)
    }

    pub(super) async fn give_result(&self, result: &TaskResult) -> Result<Receipt, TransportError> {
        let request = &self.requests().result;
        let (body, repeat) = match self.dialect.get() {
            // Never repeated here: 1.0b2 runs a job's transition once per copy.
            Dialect::V1_0b2 => (
                wire_1_0b2::write_result(&self.worker_id, result)?,
                Repeat::Never,
            ),
            // A second copy is recognised.
            Dialect::V1_0b17 => (self.sealed_result(result)?, Repeat::OnceIfClosed),
        };
        let receipt = match self.control(request, Some(body), repeat).await {
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

    fn sealed_result(&self, result: &TaskResult) -> Result<Bytes, TransportError> {
        let stamp = self.signing.stamp();
        let message = wire_1_0b17::write_result(&self.worker_id, result, &stamp)?;
        let chain = self.chains.of(&result.task_id);
        let body = self.signing.seal(&message, MessageKind::Result, &chain)?;
        if body.len() > wire_1_0b17::BODY_LIMIT {
            return Err(TransportError::TooLarge { size: body.len() });
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::{OrchestratorSettings, Timing};
    use crate::task::Outcome;
    use crate::transport::Transport;
    use crate::transport::http::TlsFiles;
    use crate::{OrchestratorId, WorkerId};

    /// For more than that, `malloc` of glibc has no room at hand and searches for some,
    /// which takes longer than all else about a request.
    const AT_HAND: usize = 1032;

    #[actix_rt::test]
    async fn there_is_room_at_hand_for_a_poll_and_for_a_delivery() {
        let transport = RxonHttp::new(
            OrchestratorId(0),
            &OrchestratorSettings::new("http://127.0.0.1:1", "token"),
            &WorkerId::try_new("w").unwrap(),
            &Timing::default(),
            &TlsFiles::default(),
        )
        .unwrap();
        let poll = transport.poll(Offer {
            available: Arc::new([]),
            hot: Arc::new([]),
        });
        let size = size_of_val(&*poll);
        assert!(size <= AT_HAND, "{size}");
        let deliver = transport.deliver(Arc::new(TaskResult {
            origin: OrchestratorId(0),
            task_id: "t".into(),
            job_id: "j".into(),
            name: "n".into(),
            outcome: Outcome::Cancelled,
            ran_for: Duration::ZERO,
            task_metadata: None,
        }));
        let size = size_of_val(&*deliver);
        assert!(size <= AT_HAND, "{size}");
    }
}
