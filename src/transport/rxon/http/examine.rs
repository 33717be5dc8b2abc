//! Asking an orchestrator how we stand, without becoming known to it: for people who want
//! to know whether a worker would be welcome. Nothing here registers, renews anything but
//! the lease of a worker of this very id, or takes a task.

use awc::http::StatusCode;
use bytes::Bytes;
use serde_json::json;

use super::RxonHttp;
use crate::config::RxonVersion;
use crate::transport::http::RetryOnStale;
use crate::transport::rxon::dialect::Dialect;
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::wire_1_0b2;
use crate::transport::{Greeting, Standing, TransportError};

/// How a worker of this id and token stands with an orchestrator.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// The answer itself.
    pub greeting: Greeting,
    /// Whether the orchestrator knows a worker of this id; the error says why it does not
    /// listen to us.
    pub standing: Result<Standing, TransportError>,
}

impl RxonHttp {
    /// Asks for the public status, which everybody may see.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn greet(&self) -> Result<Greeting, TransportError> {
        let request = self.status_request().retry(RetryOnStale::Once);
        let answer = self.exchange(&request).await?;
        Ok(Greeting::from(&answer))
    }

    /// Asks whether a worker of this id is known, which takes the token and nothing else,
    /// in 1.0b17 too. The dialect of the answer is spoken from now on, unless it was set.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn examine(&self) -> Result<Examination, TransportError> {
        let request = self.worker_request().retry(RetryOnStale::Once);
        let answer = self.exchange(&request).await?;
        let greeting = Greeting::from(&answer);
        if self.version == RxonVersion::Auto && greeting.version.is_some() {
            self.dialect.set(Dialect::of(greeting.version.as_deref()));
        }
        let standing = self.error_for_status(answer).and_then(|answer| {
            let reply = wire_1_0b2::read_beat_reply(&answer.whole()?)?;
            if reply.forgotten {
                Ok(Standing::Forgotten)
            } else {
                Ok(Standing::Known)
            }
        });
        Ok(Examination { greeting, standing })
    }

    /// Sends a signed message of 1.0b17 that is an event without a type: an orchestrator
    /// looks at time stamp and signature first, then finds that the event is none, and
    /// leaves it at that (avtomatika 1.0b30).
    ///
    /// # Errors
    /// When the message is not believed, or there is no answer.
    pub async fn check_signature(&self) -> Result<(), TransportError> {
        let stamp = self.signing.stamp();
        let message = json!({
            "event_id": stamp.nonce,
            "worker_id": self.worker_id,
            "timestamp": stamp.timestamp,
        });
        let message = message.to_string().into_bytes();
        let body: Bytes = self.signing.seal(&message, MessageKind::Event, &[])?;
        let answer = self.exchange(&self.event_request().body(body)).await?;
        // What is wrong with an event is told in either way.
        if answer.status == StatusCode::BAD_REQUEST {
            return Ok(());
        }
        self.error_for_status(answer).map(drop)
    }
}
