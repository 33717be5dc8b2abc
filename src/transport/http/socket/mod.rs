//! Sockets as the transports need them: pings answered and sent, fragments put
//! together, a limit that protects memory, a silent peer noticed, and an end that
//! can be waited for. `awc` only connects; all of this is left to its users.

mod assembly;
mod guard;
mod pulse;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_codec::Framed;
use actix_http::ws::{CloseCode, CloseReason, Codec, Frame, Message};
use awc::BoxedSocket;
use awc::error::WsClientError;
use awc::http::{StatusCode, header};
use bytes::Bytes;
use tokio::sync::mpsc;

pub(crate) use assembly::SocketMessage;
use assembly::{Assembly, TooLong};
use guard::{FrameError, Guarded};
use pulse::{Beat, Pulse};

use super::{Credential, Headers, Http, Peer, Response, Secrets, SendError};
use crate::transport::TransportError;

/// How long the other side may take to agree to the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How long after that it may take to hang up. Some servers leave that to us.
const HANG_UP_WITHIN: Duration = Duration::from_millis(250);

/// How many messages may wait to be written. They pile up only when the other side
/// does not read.
const OUTGOING: usize = 64;

/// What comes over a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Message(SocketMessage),
    /// The answer to a ping, with what the ping held.
    #[cfg_attr(
        not(feature = "distworker"),
        expect(dead_code, reason = "nobody sends pings of their own")
    )]
    Pong(Bytes),
}

/// What a socket is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketLimits {
    /// How long connecting may take, to the end of the handshake.
    pub(crate) connect: Duration,
    /// The largest message, in one frame or many.
    pub(crate) message: usize,
    /// How often to ping. A peer that is silent for twice as long is taken for gone.
    pub(crate) ping: Duration,
}

/// An open WebSocket.
pub(crate) struct Socket {
    framed: Framed<BoxedSocket, Guarded>,
    assembly: Assembly,
    outgoing: mpsc::Receiver<String>,
    pulse: Pulse,
    /// What is said, or was said, when closing.
    farewell: Farewell,
    /// Kept to take them out of texts that a server sends back.
    secrets: Rc<Secrets>,
    peer: Rc<Peer>,
}

/// Where the closing handshake stands, on our side.
enum Farewell {
    Due(CloseCode),
    Said,
    /// Nobody is there to hear it.
    Pointless,
}

/// Puts texts on their way over a socket.
#[derive(Debug, Clone)]
pub(crate) struct SocketSender(mpsc::Sender<String>);

/// Why a text is not on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// The socket is gone.
    Closed,
    /// The other side does not read; too much is waiting already.
    Congested,
}

impl SocketSender {
    /// Does not wait. The text goes out while [`Socket::next`] is awaited.
    pub(crate) fn send(&self, text: String) -> Result<(), NotSent> {
        self.0.try_send(text).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotSent::Congested,
            mpsc::error::TrySendError::Closed(_) => NotSent::Closed,
        })
    }
}

impl Http {
    /// Opens a WebSocket at one of our paths, with the headers of all requests and these.
    pub(crate) async fn open_socket(
        &self,
        path: &str,
        headers: &Headers,
        limits: SocketLimits,
    ) -> Result<(Socket, SocketSender), TransportError> {
        let opening = self.shake_hands(path, headers);
        let opened = tokio::time::timeout(limits.connect, opening).await;
        let framed = opened.map_err(|_| TransportError::NoAnswer {
            reason: format!("no WebSocket came about within {:?}", limits.connect),
        })??;

        let (sender, outgoing) = mpsc::channel(OUTGOING);
        let socket = Socket {
            framed: framed.into_map_codec(|inner| Guarded::new(inner, limits.message)),
            assembly: Assembly::new(limits.message),
            outgoing,
            pulse: Pulse::new(limits.ping),
            farewell: Farewell::Due(CloseCode::Normal),
            secrets: Rc::clone(&self.secrets),
            peer: Rc::clone(&self.peer),
        };
        Ok((socket, SocketSender(sender)))
    }

    async fn shake_hands(
        &self,
        path: &str,
        headers: &Headers,
    ) -> Result<Framed<BoxedSocket, Codec>, TransportError> {
        // An idle connection may be stale, and a handshake is not repeated.
        let client = self.connections.new_client().await;
        let request = client.ws(self.url(path));
        let mut request = request.set_header(header::HOST, self.host());
        let token = self.secrets.header(Credential::Current);
        for (name, value) in headers.iter().cloned().chain(token) {
            request = request.set_header(name, value);
        }

        match request.connect().await {
            Ok((_, framed)) => Ok(framed),
            Err(WsClientError::InvalidResponseStatus(status)) => {
                Err(Response::of_status(status).as_error(&Secrets::none()))
            }
            Err(WsClientError::SendRequest(error)) => Err(SendError::new(error, &self.peer).into()),
            Err(other) => Err(malformed(format!("no WebSocket came about: {other}"))),
        }
    }
}

enum Event {
    Received(Frame),
    Outgoing(String),
    Beat(Beat),
    Broken(FrameError),
    Ended,
}

impl Socket {
    /// The next message. Cancel-safe. Everything else that the socket does, it does
    /// while this is awaited.
    pub(crate) async fn next(&mut self) -> Result<SocketMessage, TransportError> {
        loop {
            if let SocketEvent::Message(message) = self.next_event().await? {
                return Ok(message);
            }
        }
    }

    /// As [`Socket::next`], with the answers to pings.
    pub(crate) async fn next_event(&mut self) -> Result<SocketEvent, TransportError> {
        loop {
            match poll_fn(|cx| self.poll_event(cx)).await {
                Event::Received(frame) => {
                    self.pulse.heard();
                    if let Some(event) = self.take(frame)? {
                        return Ok(event);
                    }
                }
                Event::Outgoing(text) => self.write(Message::Text(text.into()))?,
                Event::Beat(Beat::Ping) => self.write(Message::Ping("".into()))?,
                Event::Beat(Beat::Silent(time)) => {
                    self.farewell = Farewell::Pointless;
                    let reason = format!("nothing came over the socket for {time:?}");
                    return Err(TransportError::NoAnswer { reason });
                }
                Event::Broken(error) => return Err(self.broken(error)),
                Event::Ended => {
                    self.farewell = Farewell::Pointless;
                    let reason = "the socket ended without a word".to_owned();
                    return Err(TransportError::NoAnswer { reason });
                }
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut framed = Pin::new(&mut self.framed);
        // Beside reading, not before it: a peer that does not read may still write.
        if let Poll::Ready(Err(error)) = framed.as_mut().flush::<Message>(cx) {
            return Poll::Ready(Event::Broken(error));
        }
        match framed.as_mut().next_item(cx) {
            Poll::Ready(Some(Ok(frame))) => return Poll::Ready(Event::Received(frame)),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Event::Broken(error)),
            Poll::Ready(None) => return Poll::Ready(Event::Ended),
            Poll::Pending => {}
        }
        if !framed.is_write_buf_full()
            && let Poll::Ready(Some(text)) = self.outgoing.poll_recv(cx)
        {
            return Poll::Ready(Event::Outgoing(text));
        }
        self.pulse.poll(cx).map(Event::Beat)
    }

    fn take(&mut self, frame: Frame) -> Result<Option<SocketEvent>, TransportError> {
        let message = |message| Some(SocketEvent::Message(message));
        match frame {
            Frame::Text(bytes) => Ok(message(SocketMessage::Text(bytes))),
            Frame::Binary(bytes) => Ok(message(SocketMessage::Binary(bytes))),
            Frame::Continuation(fragment) => {
                let whole = self.assembly.add(fragment).map_err(|error: TooLong| {
                    self.farewell = Farewell::Due(CloseCode::Size);
                    malformed(error)
                })?;
                Ok(whole.map(SocketEvent::Message))
            }
            Frame::Ping(bytes) => {
                // A peer that pings and does not read must not fill our memory.
                if !self.framed.is_write_buf_full() {
                    self.write(Message::Pong(bytes))?;
                }
                Ok(None)
            }
            Frame::Pong(bytes) => Ok(Some(SocketEvent::Pong(bytes))),
            Frame::Close(reason) => {
                let echo = reason.as_ref().map(|reason| reason.code.into());
                self.write(Message::Close(echo))?;
                self.farewell = Farewell::Said;
                Err(self.closed_by_peer(reason))
            }
        }
    }

    /// Writes a message, which goes out while [`Socket::next_event`] is awaited.
    #[cfg(feature = "distworker")]
    pub(crate) fn write_binary(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        self.write(Message::Binary(bytes))
    }

    /// Writes a ping. Its answer shows that everything before it was read.
    #[cfg(feature = "distworker")]
    pub(crate) fn write_ping(&mut self, payload: Bytes) -> Result<(), TransportError> {
        self.write(Message::Ping(payload))
    }

    fn write(&mut self, message: Message) -> Result<(), TransportError> {
        let written = Pin::new(&mut self.framed).write(message);
        written.map_err(|error| self.broken(error))
    }

    fn broken(&mut self, error: FrameError) -> TransportError {
        let (farewell, error) = match error {
            FrameError::Http(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                let error = Response::of_status(status).as_error(&Secrets::none());
                (Farewell::Pointless, error)
            }
            FrameError::TooLarge { .. } => (Farewell::Due(CloseCode::Size), malformed(error)),
            FrameError::Protocol(_) => (Farewell::Due(CloseCode::Protocol), malformed(error)),
            // A frame that makes no sense comes as an error of this kind, too.
            FrameError::Io(ref io) if io.kind() == std::io::ErrorKind::InvalidData => {
                (Farewell::Due(CloseCode::Protocol), malformed(error))
            }
            FrameError::Io(error) => {
                let reason = format!("the socket broke: {}", self.peer.explain(error));
                (Farewell::Pointless, TransportError::NoAnswer { reason })
            }
        };
        self.farewell = farewell;
        error
    }

    fn closed_by_peer(&self, reason: Option<CloseReason>) -> TransportError {
        let Some(CloseReason { code, description }) = reason else {
            let reason = "the socket was closed".to_owned();
            return TransportError::Unavailable { reason };
        };
        let text = self.secrets.hide(description.unwrap_or_default());
        let text = text.replace(char::is_control, " ");
        let reason = format!("the socket was closed: {} {text}", u16::from(code));
        let reason = reason.trim_end().to_owned();
        match code {
            // Somebody else came with our name, or we are not welcome.
            CloseCode::Policy => TransportError::Refused { reason },
            _ => TransportError::Unavailable { reason },
        }
    }

    /// Closes and waits until the other side has agreed and hung up, so that whatever
    /// it does at the end of a connection is done. `false`: it did not agree within a
    /// few seconds, and our side ended alone.
    pub(crate) async fn close(mut self) -> bool {
        let code = match self.farewell {
            Farewell::Due(code) => Some(code),
            Farewell::Said => None,
            Farewell::Pointless => return true,
        };
        if let Some(code) = code
            && self.write(Message::Close(Some(code.into()))).is_err()
        {
            return true;
        }
        let mut framed = Pin::new(&mut self.framed);
        let agreeing = async {
            let flushed = poll_fn(|cx| framed.as_mut().flush::<Message>(cx)).await;
            let mut agreed = flushed.is_err() || code.is_none();
            while !agreed {
                let next = poll_fn(|cx| framed.as_mut().next_item(cx)).await;
                agreed = matches!(next, None | Some(Err(_) | Ok(Frame::Close(_))));
            }
        };
        if tokio::time::timeout(CLOSE_WITHIN, agreeing).await.is_err() {
            return false;
        }
        let hanging_up =
            async { while let Some(Ok(_)) = poll_fn(|cx| framed.as_mut().next_item(cx)).await {} };
        // Late or not, dropping the socket ends our side.
        let _ = tokio::time::timeout(HANG_UP_WITHIN, hanging_up).await;
        true
    }
}

fn malformed(error: impl std::fmt::Display) -> TransportError {
    TransportError::Malformed {
        reason: error.to_string(),
        task: None,
    }
}
