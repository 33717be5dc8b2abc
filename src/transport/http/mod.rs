//! HTTP as the transports need it: one client per transport, one deadline over
//! head and body, and answers that are either whole or say what is wrong.
//!
//! `awc` returns a body that was cut off as if it were complete, ends its time
//! limit at the response head and sends our token along when it follows a
//! redirect. Everything here goes round one of these habits, so no other module
//! sends a request by itself.

mod answer;
mod connect;
mod errands;
mod failure;
mod secrets;
mod setup;
mod socket;
mod tls;
mod trouble;
mod unpack;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use awc::http::header::{self, HeaderName, HeaderValue};
use awc::http::{Method, Uri};
use awc::{ClientResponse, FrozenClientRequest};
use bytes::Bytes;
use futures_util::StreamExt;

pub(crate) use answer::Answer;
use answer::{Body, Flaw};
use errands::Errands;
use failure::Failure;
use secrets::Secrets;
pub(crate) use setup::HttpSetup;
pub use setup::SetupError;
pub(crate) use socket::{NotSent, Socket, SocketLimits, SocketMessage, SocketSender};
pub use tls::TlsFiles;
use unpack::Packing;

use super::TransportError;
use crate::config::Token;

/// A client for one orchestrator. Not `Send`, as `awc` is not.
pub(crate) struct Http {
    client: awc::Client,
    errands: Errands,
    base: Uri,
    has_answered: Cell<bool>,
    /// What may be the matter when it never has.
    hint: &'static str,
    token_header: HeaderName,
    secrets: Rc<Secrets>,
}

/// Which token a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The access token if there is one, else the token of the settings.
    Current,
    /// The token of the settings.
    Static,
}

/// Headers beside those of all requests.
pub(crate) type Headers = [(HeaderName, HeaderValue)];

/// How far a request may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the start of the request to the last byte of the answer.
    pub(crate) within: Duration,
    /// The largest body of an answer, counted after decompression.
    pub(crate) body: usize,
}

/// What to do when the connection closed before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Tell the caller.
    Never,
    /// Once more, at once: the server had closed an idle connection that we took
    /// from the pool. For requests that may be repeated.
    OnceIfClosed,
}

impl Http {
    /// Prepares a request that is sent many times: address and headers are
    /// written once. `path` is one of ours, made of characters that need no escapes.
    pub(crate) fn prepare(
        &self,
        method: &Method,
        path: &str,
        headers: &Headers,
    ) -> FrozenClientRequest {
        let mut request = self
            .client
            .request(method.clone(), self.plain_url(path))
            .insert_header((header::ACCEPT_ENCODING, unpack::ACCEPTED))
            .insert_header((header::HOST, self.host()));
        for header in headers {
            request = request.insert_header(header.clone());
        }
        let request = if matches!(*method, Method::POST | Method::PATCH) {
            request.insert_header((
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ))
        } else {
            request
        };
        request
            .freeze()
            .expect("the base address was checked at setup and our paths are plain")
    }

    /// The address of one of our paths.
    pub(crate) fn url(&self, path: &str) -> String {
        let base = self.base.to_string();
        format!("{}{path}", base.trim_end_matches('/'))
    }

    /// The address as `awc` has to see it: the connections that it gets are encrypted
    /// already, if they are to be.
    fn plain_url(&self, path: &str) -> String {
        let url = self.url(path);
        match url.strip_prefix("https://") {
            Some(rest) => format!("http://{rest}"),
            None => url,
        }
    }

    /// What the header `Host` says.
    fn host(&self) -> &str {
        self.base.authority().map_or("", |it| it.as_str())
    }

    /// Shows this token from now on in place of the one from the settings. The second
    /// one is only kept secret.
    pub(crate) fn show_access_token(&self, access: Option<Token>, refresh: Option<Token>) {
        self.secrets.replace(access, refresh);
    }

    /// One request and its answer. An answer with any status is `Ok`.
    pub(crate) async fn exchange(
        &self,
        request: &FrozenClientRequest,
        body: Option<Bytes>,
        limits: Limits,
        repeat: Repeat,
    ) -> Result<Answer, TransportError> {
        self.exchange_showing(Show::Current, request, body, limits, repeat)
            .await
    }

    /// The same with a choice of the token.
    pub(crate) async fn exchange_showing(
        &self,
        show: Show,
        request: &FrozenClientRequest,
        body: Option<Bytes>,
        limits: Limits,
        repeat: Repeat,
    ) -> Result<Answer, TransportError> {
        let sent = body.as_ref().map_or(0, Bytes::len);
        let mut head = None;
        let mut received = Body::default();
        let whole = async {
            let response = self.send(show, request, body, repeat).await?;
            let declared = declared_length(&response);
            let packing = Packing::of(response.headers());
            head = Some((Answer::of(&response, sent), packing.clone()));
            let flaw = read(response, &mut received, declared, limits.body).await;
            if flaw.is_none() && packing != Packing::None {
                let packed = std::mem::take(&mut received).into_bytes();
                let (body, flaw) = packing.unpack(packed, limits.body).await;
                return Ok((Some(body), flaw));
            }
            Ok::<_, TransportError>((None, flaw))
        };
        // The deadline drops the future; what it had read by then stays with us.
        let ended = tokio::time::timeout(limits.within, self.errands.set_aside(whole)).await;
        self.errands.ended();
        let (unpacked, flaw) = match ended {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(ended)) => ended,
            Err(_) => (None, Some(Flaw::Late(limits.within))),
        };
        let Some((head, packing)) = head else {
            return Err(TransportError::NoAnswer {
                reason: format!("nothing came within {:?}", limits.within),
            });
        };
        let body = unpacked.unwrap_or_else(|| packing.glimpse(received.into_bytes(), limits.body));
        Ok(head.with_body(body, flaw))
    }

    /// The answer, if its status is one of success.
    pub(crate) fn judge(&self, answer: Answer) -> Result<Answer, TransportError> {
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(answer.as_error(&self.secrets))
        }
    }

    /// What an answer says went wrong, without our token, cut to a readable length.
    pub(crate) fn error_text(&self, answer: &Answer) -> String {
        answer.error_text(&self.secrets)
    }

    async fn send(
        &self,
        show: Show,
        request: &FrozenClientRequest,
        body: Option<Bytes>,
        repeat: Repeat,
    ) -> Result<Response, TransportError> {
        let token = match show {
            Show::Current => self.secrets.header(),
            Show::Static => None,
        };
        let once = |body: Option<Bytes>| match (&token, body) {
            (None, Some(body)) => request.send_body(body),
            (None, None) => request.send(),
            (Some(token), body) => {
                let header = (self.token_header.clone(), token.clone());
                let request = request.extra_header(header);
                match body {
                    Some(body) => request.send_body(body),
                    None => request.send(),
                }
            }
        };
        let spare = (repeat == Repeat::OnceIfClosed).then(|| body.clone());
        let mut outcome = once(body).await.map_err(Failure::from);
        if let (Err(Failure::Closed(_)), Some(body)) = (&outcome, spare) {
            outcome = once(body).await.map_err(Failure::from);
        }
        match outcome {
            Ok(response) => {
                self.has_answered.set(true);
                Ok(response)
            }
            // Many a server hangs up without a word on one who does not speak TLS, or
            // has no certificate.
            Err(Failure::Closed(reason)) if !self.has_answered.get() => {
                let reason = format!("{reason}; {}", self.hint);
                Err(TransportError::NoAnswer { reason })
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

type Response = ClientResponse;

/// The length of the body as told: of what travels, which may be compressed.
fn declared_length(response: &Response) -> Option<usize> {
    response
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Reads to the end, also of errors: an unread body closes its connection.
async fn read(
    mut response: Response,
    into: &mut Body,
    declared: Option<usize>,
    limit: usize,
) -> Option<Flaw> {
    // A 204 has no body whatever its headers claim.
    if response.status() == awc::http::StatusCode::NO_CONTENT {
        return None;
    }
    let announced_too_large = declared.is_some_and(|length| length > limit);
    while let Some(chunk) = response.next().await {
        match chunk {
            // The start is kept: the ids of a task may be in it.
            Ok(chunk) if announced_too_large || into.len() + chunk.len() > limit => {
                into.push(chunk, declared, limit);
                return Some(Flaw::TooLarge(limit));
            }
            Ok(chunk) => into.push(chunk, declared, limit),
            Err(error) => return Some(Flaw::Broken(error.to_string())),
        }
    }
    match declared {
        Some(want) if want != into.len() => Some(Flaw::CutOff {
            got: into.len(),
            want,
        }),
        _ => None,
    }
}
