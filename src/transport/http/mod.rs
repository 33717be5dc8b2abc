//! HTTP as the transports need it: one client per orchestrator, one deadline over
//! head and body, and answers that are either whole or say what is wrong.
//!
//! It stands on the parser `httparse` and not on the client `awc`, which spends more on a
//! request than all the rest of the worker (`docs/performance.md`), returns a body that was
//! cut off as if it were complete, and leaves timers behind. There are no redirects, cookies
//! or proxies: an orchestrator has none.

mod answer;
mod body;
mod chunks;
mod connect;
mod connection;
mod exchange;
mod failure;
mod head;
mod idle;
mod notes;
mod request;
mod secrets;
mod setup;
mod socket;
mod tls;
mod told;
mod trouble;
mod unpack;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_http::Method;
use actix_http::header::{self, HeaderName, HeaderValue};

pub(crate) use answer::Answer;
use connect::Target;
pub(crate) use exchange::Outgoing;
use idle::IdleConnections;
pub(crate) use request::Request;
use secrets::Secrets;
pub(crate) use setup::HttpSetup;
pub use setup::SetupError;
#[cfg(feature = "distworker")]
pub(crate) use socket::SocketEvent;
pub(crate) use socket::{NotSent, Socket, SocketLimits, SocketMessage, SocketSender};
pub use tls::TlsFiles;

use super::TransportError;
use crate::config::Token;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("axon-worker/", env!("CARGO_PKG_VERSION")));

/// A client for one orchestrator. Belongs to the thread that made it.
pub(crate) struct Http {
    target: Target,
    idle: IdleConnections,
    has_answered: Cell<bool>,
    /// What may be the matter when it never has.
    hint: &'static str,
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
    pub(crate) fn prepare(&self, method: &Method, path: &str, headers: &Headers) -> Request {
        let accepted = HeaderValue::from_static(unpack::ACCEPTED);
        let json = HeaderValue::from_static("application/json");
        let ours = [
            (&header::USER_AGENT, &USER_AGENT),
            (&header::ACCEPT_ENCODING, &accepted),
        ];
        let ours = ours.into_iter();
        let kind = request::takes_body(method).then_some((&header::CONTENT_TYPE, &json));
        let theirs = headers.iter().map(|(name, value)| (name, value));
        let headers = ours.chain(kind).chain(theirs);
        Request::new(method, &self.path(path), self.host(), headers)
    }

    /// A `GET` of something that somebody else named, with these headers.
    #[cfg(feature = "distworker")]
    pub(crate) fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Request, TransportError> {
        let refused = |reason: String| TransportError::Refused {
            reason: format!("the request cannot be written: {reason}"),
        };
        let target: actix_http::Uri = path
            .parse()
            .map_err(|_| refused(format!("{path:?} is no path")))?;
        let target = target.path_and_query().map_or("/", |it| it.as_str());
        let mut all = vec![(header::USER_AGENT, USER_AGENT)];
        for &(name, value) in headers {
            let checked = HeaderName::from_bytes(name.as_bytes()).ok();
            let checked = checked.zip(HeaderValue::from_str(value).ok());
            all.push(checked.ok_or_else(|| refused(format!("header {name:?}")))?);
        }
        let headers = all.iter().map(|(name, value)| (name, value));
        let target = self.path(target);
        Ok(Request::new(&Method::GET, &target, self.host(), headers))
    }

    /// The address of one of our paths.
    pub(crate) fn url(&self, path: &str) -> String {
        let base = self.target.base().to_string();
        format!("{}{path}", base.trim_end_matches('/'))
    }

    /// One of our paths behind that of the address.
    fn path(&self, path: &str) -> String {
        let base = self.target.base().path();
        format!("{}{path}", base.trim_end_matches('/'))
    }

    /// What the header `Host` says.
    fn host(&self) -> &str {
        self.target.base().authority().map_or("", |it| it.as_str())
    }

    /// Shows this token from now on in place of the one from the settings. The second
    /// one is only kept secret.
    pub(crate) fn show_access_token(&self, access: Option<Token>, refresh: Option<Token>) {
        self.secrets.replace(access, refresh);
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
}

/// Without a connection: an answer that comes in pieces of at most `cut` bytes.
#[cfg(fuzzing)]
pub(crate) fn read_in_pieces(
    answer: &[u8],
    cut: usize,
    limit: usize,
) -> Option<(u16, Vec<u8>, bool)> {
    let (mut reader, mut chunks) = (head::HeadReader::default(), chunks::Chunks::default());
    let (mut received, mut body) = (bytes::BytesMut::new(), bytes::BytesMut::new());
    let (mut head, mut is_done) = (None, false);
    for piece in answer.chunks(cut.max(1)) {
        received.extend_from_slice(piece);
        if head.is_none() {
            head = reader.read(&mut received).ok()?;
        }
        let Some(head) = &head else { continue };
        if head.length == head::Length::Chunked {
            match chunks.read(&mut received, limit, &mut body) {
                Ok(chunks::Progress::GoesOn) => {}
                Ok(chunks::Progress::IsDone) => is_done = true,
                Err(_) => break,
            }
        }
        if is_done {
            break;
        }
    }
    Some((head?.status.as_u16(), body.to_vec(), is_done))
}
