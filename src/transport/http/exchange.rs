//! One exchange: a request goes out over an idle connection or a new one, its answer comes
//! in, all before a deadline.
//!
//! There is one for each poll and each result. What is large and rare is in boxes, as all
//! else is moved from future to future.

use std::pin::pin;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::answer::{Answer, Flaw};
use super::connection::Connection;
use super::failure::Failure;
use super::head::{Head, Length};
use super::unpack::Packing;
use super::{Http, Limits, Repeat, Request, Show};
use crate::transport::TransportError;

/// Bodies up to this size are written in one piece with what comes before them.
const ONE_PIECE: usize = 8 * 1024;

/// A request with all that belongs to it.
pub(crate) struct Outgoing<'a> {
    pub(crate) request: &'a Request,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) limits: Limits,
    pub(crate) repeat: Repeat,
}

impl Http {
    /// One request and its answer. An answer with any status is `Ok`.
    pub(crate) fn exchange(
        &self,
        outgoing: &Outgoing<'_>,
    ) -> impl Future<Output = Result<Answer, TransportError>> {
        self.exchange_showing(Show::Current, outgoing)
    }

    /// The same with a choice of the token.
    pub(crate) async fn exchange_showing(
        &self,
        show: Show,
        outgoing: &Outgoing<'_>,
    ) -> Result<Answer, TransportError> {
        let mut head = None;
        let mut received = BytesMut::new();
        let ended = {
            let idle = self.idle.take(outgoing.repeat, Instant::now());
            // In its place from the start: it is too large to be moved.
            let whole = pin!(self.read_whole(show, outgoing, idle, &mut head, &mut received));
            tokio::time::timeout(outgoing.limits.within, whole).await
        };
        let Limits {
            within,
            body: limit,
        } = outgoing.limits;
        // The deadline drops the future; what it had read by then stays with us.
        let (unpacked, flaw) = match ended {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(ended)) => ended,
            Err(_) => (None, Some(Flaw::Late(within))),
        };
        let Some(head) = head else {
            return Err(TransportError::NoAnswer {
                reason: format!("nothing came within {within:?}"),
            });
        };
        let body = match unpacked {
            Some(body) => body,
            None => head.packing.glimpse(received.freeze(), limit),
        };
        let sent = outgoing.body.map_or(0, <[u8]>::len);
        Ok(Answer::new(head, sent, body, flaw))
    }

    /// Puts what it reads where it outlives the deadline. What was packed is returned when
    /// it could be unpacked.
    async fn read_whole(
        &self,
        show: Show,
        outgoing: &Outgoing<'_>,
        idle: Option<Box<Connection>>,
        head: &mut Option<Head>,
        received: &mut BytesMut,
    ) -> Result<(Option<Bytes>, Option<Flaw>), TransportError> {
        let limit = outgoing.limits.body;
        let (mut connection, length) = self.ask(show, outgoing, idle, head).await?;
        if let Some(flaw) = connection.read_body(length, limit, received).await {
            return Ok((None, Some(flaw)));
        }
        let head = head.as_ref();
        if head.is_some_and(|head| head.stays_open) {
            self.idle.put(connection);
        }
        match head.map(|head| &head.packing) {
            None | Some(Packing::None) => Ok((None, None)),
            Some(packing) => {
                let packed = std::mem::take(received).freeze();
                let unpacking = Box::pin(packing.clone().unpack(packed, limit));
                let (body, flaw) = unpacking.await;
                Ok((Some(body), flaw))
            }
        }
    }

    /// Sends a request, and once more if that is allowed.
    async fn ask(
        &self,
        show: Show,
        outgoing: &Outgoing<'_>,
        mut idle: Option<Box<Connection>>,
        head: &mut Option<Head>,
    ) -> Result<(Box<Connection>, Length), TransportError> {
        let mut may_repeat = outgoing.repeat == Repeat::OnceIfClosed;
        loop {
            let failure = match self.ask_over(idle.take(), show, outgoing, head).await {
                Ok(answered) => {
                    self.has_answered.set(true);
                    return Ok(answered);
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Closed(_) if may_repeat => may_repeat = false,
                // Many a server hangs up without a word on one who does not speak TLS, or
                // has no certificate.
                Failure::Closed(reason) if !self.has_answered.get() => {
                    let reason = format!("{reason}; {}", self.hint);
                    return Err(TransportError::NoAnswer { reason });
                }
                failure => return Err(failure.into()),
            }
        }
    }

    /// Sends a request over this connection, or over a new one.
    async fn ask_over(
        &self,
        idle: Option<Box<Connection>>,
        show: Show,
        outgoing: &Outgoing<'_>,
        head: &mut Option<Head>,
    ) -> Result<(Box<Connection>, Length), Failure> {
        let mut connection = match idle {
            Some(connection) => connection,
            // It is large and rarely needed.
            None => Box::pin(self.connect()).await?,
        };
        let into = &mut connection.outgoing;
        let rest = self
            .secrets
            .with_line(show, |token| outgoing.write(token, into));
        let answered = head.insert(connection.ask(rest).await?);
        Ok((connection, answered.length))
    }

    async fn connect(&self) -> Result<Box<Connection>, Failure> {
        let stream = self.target.dial().await?;
        Ok(Box::new(Connection::new(stream)))
    }
}

impl<'a> Outgoing<'a> {
    /// Writes it, but not a large body, which is returned.
    fn write(&self, token: &[u8], into: &mut BytesMut) -> &'a [u8] {
        let body = self.body.unwrap_or_default();
        into.clear();
        self.request.write(token, self.body.map(<[u8]>::len), into);
        if body.len() > ONE_PIECE {
            return body;
        }
        into.extend_from_slice(body);
        &[]
    }
}
