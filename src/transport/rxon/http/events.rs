//! What handlers tell while they run, and what they ask of others.

use std::time::Duration;

use awc::http::StatusCode;
use tokio::time::Instant;

use super::{RxonHttp, TASK_LIMIT, is_duplicate};
use crate::id::TaskId;
use crate::json::RawJson;
use crate::transport::http::{Limits, RetryOnStale};
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::wire_1_0b17;
use crate::transport::{SkillCall, TransportError};

/// How long another worker may take over a skill that a handler calls.
const CALL_WITHIN: Duration = Duration::from_mins(5);

impl RxonHttp {
    /// Sends an event of 1.0b17 of a task over the WebSocket if there is one, else
    /// by itself.
    pub(super) async fn tell(&self, task: &TaskId, message: &[u8]) -> Result<(), TransportError> {
        let body = self
            .signing
            .seal(message, MessageKind::Event, &self.chains.of(task))?;
        if body.len() > wire_1_0b17::BODY_LIMIT {
            return Err(TransportError::TooLarge { size: body.len() });
        }
        if self.commands.send(&body) {
            return Ok(());
        }
        if let Some(opens) = self.events.borrow().opens_at(Instant::now()) {
            return Err(TransportError::RateLimited {
                retry_after: Some(opens - Instant::now()),
            });
        }
        let request = self.event_request().body(body).retry(RetryOnStale::Once);
        match self.control(&request).await {
            Ok(answer) => wire_1_0b17::read_event_answer(&answer.body),
            Err(error) if is_duplicate(&error) => Ok(()),
            // Of this event only: heartbeats tell when nothing of ours is accepted.
            Err(TransportError::Unauthorized { reason }) => Err(TransportError::Refused { reason }),
            Err(TransportError::RateLimited { retry_after }) => {
                let mut gate = self.events.borrow_mut();
                gate.rate_limited(Instant::now(), retry_after, fastrand::f64());
                Err(TransportError::RateLimited { retry_after })
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn call(&self, call: &SkillCall) -> Result<RawJson, TransportError> {
        let limits = Limits {
            within: CALL_WITHIN.max(self.request_timeout),
            stall: Some(self.request_timeout),
            body: TASK_LIMIT,
        };
        let request = self
            .call_request(limits)
            .body(wire_1_0b17::write_call(call));
        let answer = self.exchange(&request).await?;
        if matches!(
            answer.status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        ) {
            return Err(TransportError::Refused {
                reason: format!(
                    "this orchestrator has no POST /skills/call, so skill {:?} cannot be called",
                    call.skill
                ),
            });
        }
        let body = self.error_for_status(answer)?.whole()?;
        RawJson::from_bytes(body).map_err(|error| TransportError::Malformed {
            reason: format!("this does not answer a call of a skill: {error}"),
            task: None,
        })
    }
}
