//! One exchange: a request goes out over an idle connection or a new one, its answer comes
//! in, all before a deadline.
//!
//! There is one for each poll and each result. What is large and rare is in boxes, as all
//! else is moved from future to future.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::Instant;

use super::answer::{Answer, Flaw};
use super::connection::Connection;
use super::failure::Failure;
use super::head::Head;
use super::unpack::Packing;
use super::{Http, Limits, Repeat, Request, Show};
use crate::transport::TransportError;

/// Bodies up to this size are written in one piece with what comes before them.
const ONE_PIECE: usize = 8 * 1024;

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

impl Http {
    /// One request and its answer. An answer with any status is `Ok`.
    pub(crate) fn exchange(
        &self,
        request: &Request,
        body: Option<Bytes>,
        limits: Limits,
        repeat: Repeat,
    ) -> impl Future<Output = Result<Answer, TransportError>> {
        self.exchange_showing(Show::Current, request, body, limits, repeat)
    }

    /// The same with a choice of the token.
    pub(crate) async fn exchange_showing(
        &self,
        show: Show,
        request: &Request,
        body: Option<Bytes>,
        limits: Limits,
        repeat: Repeat,
    ) -> Result<Answer, TransportError> {
        let began = Instant::now();
        let sent = body.as_ref().map_or(0, Bytes::len);
        let mut seen = None;
        let mut received = BytesMut::new();
        let ended = {
            // In its place from the start: it is too large to be moved.
            let whole = pin!(async {
                let (mut connection, head) = self.ask(show, request, body, repeat, began).await?;
                let head = seen.insert(head);
                let flaw = connection
                    .read_body(head.length, limits.body, &mut received)
                    .await;
                if head.stays_open && flaw.is_none() {
                    self.idle.put(connection);
                }
                if flaw.is_none() && head.packing != Packing::None {
                    let packing = head.packing.clone();
                    let packed = std::mem::take(&mut received).freeze();
                    let (body, flaw) = Box::pin(packing.unpack(packed, limits.body)).await;
                    return Ok((Some(body), flaw));
                }
                Ok::<_, TransportError>((None, flaw))
            });
            let until = began.checked_add(limits.within).unwrap_or(began + FOR_EVER);
            tokio::time::timeout_at(until, whole).await
        };
        // The deadline drops the future; what it had read by then stays with us.
        let (unpacked, flaw) = match ended {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(ended)) => ended,
            Err(_) => (None, Some(Flaw::Late(limits.within))),
        };
        let Some(head) = seen else {
            return Err(TransportError::NoAnswer {
                reason: format!("nothing came within {:?}", limits.within),
            });
        };
        let body = match unpacked {
            Some(body) => body,
            None => head.packing.glimpse(received.freeze(), limits.body),
        };
        Ok(Answer::new(head, sent, body, flaw))
    }

    /// Sends a request, and once more if that is allowed.
    async fn ask(
        &self,
        show: Show,
        request: &Request,
        body: Option<Bytes>,
        repeat: Repeat,
        now: Instant,
    ) -> Result<(Box<Connection>, Head), TransportError> {
        let mut waiting = self.idle.take(repeat, now);
        let mut may_repeat = repeat == Repeat::OnceIfClosed;
        loop {
            let asked = self.ask_over(waiting.take(), show, request, body.as_ref());
            let failure = match asked.await {
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
        waiting: Option<Box<Connection>>,
        show: Show,
        request: &Request,
        body: Option<&Bytes>,
    ) -> Result<(Box<Connection>, Head), Failure> {
        let mut connection = match waiting {
            Some(connection) => connection,
            // It is large and rarely needed.
            None => Box::pin(self.connect()).await?,
        };
        let body = body.map(|body| &body[..]);
        let mut message = std::mem::take(&mut connection.outgoing);
        self.secrets.with_line(show, |token| {
            request.write(token, body.map(<[u8]>::len), &mut message);
        });
        let apart = match body {
            Some(body) if body.len() <= ONE_PIECE => {
                message.extend_from_slice(body);
                &[]
            }
            body => body.unwrap_or_default(),
        };
        let head = connection.ask((&message[..]).chain(apart)).await?;
        message.clear();
        connection.outgoing = message;
        Ok((connection, head))
    }

    async fn connect(&self) -> Result<Box<Connection>, Failure> {
        let stream = self.target.dial().await?;
        Ok(Box::new(Connection::new(stream)))
    }
}
