//! HTTP and sockets as the transports need them: one client per orchestrator, one
//! deadline over head and body, and responses that are either whole or say what is wrong.
//!
//! The client is `awc`. It returns a body that was cut off as if it were complete, ends its
//! time limit at the response head, and sends our token along when it follows a redirect.
//! Everything here goes round one of these habits, so no other module sends a request by
//! itself.

mod body;
mod connect;
mod error;
mod parked;
mod progress;
mod request;
mod response;
mod secrets;
mod setup;
mod socket;
mod tls;

use std::cell::Cell;
use std::rc::Rc;

use awc::http::Uri;
use bytes::BytesMut;

use body::BodyError;
use connect::Connections;
use error::Peer;
pub(crate) use error::SendError;
use progress::{Progress, Stalled};
pub(crate) use request::{Credential, Headers, Limits, Request, RetryOnStale};
pub(crate) use response::Response;
use secrets::Secrets;
pub(crate) use setup::HttpSetup;
#[cfg(feature = "distworker")]
pub(crate) use socket::SocketEvent;
pub(crate) use socket::{NotSent, Socket, SocketLimits, SocketMessage, SocketSender};
pub use tls::TlsFiles;

use super::TransportError;
pub use super::error::SetupError;
use crate::config::Token;

/// A client for one orchestrator. Not `Send`, as `awc` is not.
pub(crate) struct Http {
    base: Uri,
    connections: Connections,
    peer: Rc<Peer>,
    has_answered: Cell<bool>,
    /// The likely cause when the server hangs up and never has answered.
    hint: &'static str,
    secrets: Rc<Secrets>,
}

impl Http {
    /// Returns the address of one of our paths, which need no escapes.
    pub(crate) fn url(&self, path: &str) -> String {
        let base = self.base.to_string();
        format!("{}{path}", base.trim_end_matches('/'))
    }

    /// Returns the value of the header `Host`.
    fn host(&self) -> &str {
        self.base.authority().map_or("", |it| it.as_str())
    }

    /// Replaces the access token that requests show. `refresh` is never shown, but hidden
    /// in texts like the others.
    pub(crate) fn set_access_token(&self, access: Option<Token>, refresh: Option<Token>) {
        self.secrets.replace(access, refresh);
    }

    /// Sends a request and reads its response, with any status, before the deadline.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, SendError> {
        let (mut received, mut body) = (None, BytesMut::new());
        let (limits, progress) = (request.limits, Progress::new());

        // The deadline drops the exchange; what it had read by then stays here.
        let exchange = self.exchange(request, &mut received, &mut body, &progress);
        let ended = progress::run(parked::run(exchange), &limits, &progress).await;
        let (body_error, limit) = match ended {
            Ok(ended) => (ended?, limits.within),
            Err(Stalled(limit)) if limits.stall.is_some() => {
                (Some(BodyError::Stalled(limit)), limit)
            }
            Err(Stalled(limit)) => (Some(BodyError::Late(limit)), limit),
        };

        let Some(response) = received else {
            return Err(SendError::Late(limit));
        };
        Ok(response.with_body(body.freeze(), body_error))
    }

    /// Puts what it reads where it outlives the deadline. An error of the body does not
    /// make the request one that failed: the status may say all that matters.
    async fn exchange(
        &self,
        request: &Request,
        received: &mut Option<Response>,
        body: &mut BytesMut,
        progress: &Rc<Progress>,
    ) -> Result<Option<BodyError>, SendError> {
        // Kept to the end: dropping the last reference closes idle connections, which
        // must not be mistaken for the one of this response.
        let clients = self.connections.clients().await;
        let attempt = async || {
            let sent = request
                .send_with(clients.of(request.retry), self, progress)
                .await;
            sent.map_err(|error| SendError::new(error, &self.peer))
        };

        let mut sent = attempt().await;
        if matches!(sent, Err(SendError::Closed(_))) && request.retry == RetryOnStale::Once {
            sent = attempt().await;
        }
        let response = sent.map_err(|error| self.with_hint(error))?;
        self.has_answered.set(true);
        progress.head();

        let (status, headers) = (response.status(), response.headers().clone());
        *received = Some(Response::new(status, headers, request.body_length()));
        let reading = body::Reading {
            limit: request.limits.body,
            closed: self.connections.closed(),
            progress,
            peer: &self.peer,
        };
        Ok(body::read(response, &reading, body).await)
    }

    /// Many servers hang up without a word on a client that does not speak TLS, or has no
    /// certificate.
    fn with_hint(&self, error: SendError) -> SendError {
        match error {
            SendError::Closed(reason) if !self.has_answered.get() => {
                SendError::Closed(format!("{reason}; {}", self.hint))
            }
            error => error,
        }
    }

    /// Turns a status other than success into the error that it means for the caller.
    pub(crate) fn error_for_status(&self, response: Response) -> Result<Response, TransportError> {
        if response.status.is_success() {
            Ok(response)
        } else {
            Err(response.as_error(&self.secrets))
        }
    }

    /// Returns what a response says went wrong, without our tokens, cut to a readable
    /// length.
    pub(crate) fn error_text(&self, response: &Response) -> String {
        response.error_text(&self.secrets)
    }
}
