//! How a WebSocket comes about: an HTTP request that asks for another protocol, and an
//! answer that agrees (RFC 6455, section 4).

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use actix_codec::{Decoder, Framed};
use actix_http::Method;
use actix_http::header::{self, HeaderName, HeaderValue};
use actix_http::ws::{Codec, hash_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::guard::Guarded;
use super::{Socket, SocketLimits, SocketSender};
use crate::transport::TransportError;
use crate::transport::http::connect::Stream;
use crate::transport::http::failure::Failure;
use crate::transport::http::head::{Head, HeadReader};
use crate::transport::http::{Answer, Headers, Http, Request, Secrets, Show, USER_AGENT};

impl Http {
    /// Opens a WebSocket at one of our paths, with the headers of all requests and these.
    pub(crate) async fn open_socket(
        &self,
        path: &str,
        headers: &Headers,
        limits: SocketLimits,
    ) -> Result<(Socket, SocketSender), TransportError> {
        let opening = tokio::time::timeout(limits.connect, self.shake_hands(path, headers, limits));
        let framed = opening.await.map_err(|_| TransportError::NoAnswer {
            reason: format!("no WebSocket came about within {:?}", limits.connect),
        })??;
        Ok(Socket::new(framed, limits, Rc::clone(&self.secrets)))
    }

    async fn shake_hands(
        &self,
        path: &str,
        headers: &Headers,
        limits: SocketLimits,
    ) -> Result<Framed<Stream, Guarded>, TransportError> {
        let key = BASE64.encode(fastrand::u128(..).to_ne_bytes());
        let request = self.upgrade(path, headers, &key);
        let mut stream = self.target.dial().await?;
        let mut message = BytesMut::new();
        let secrets = &self.secrets;
        secrets.with_line(Show::Current, |line| {
            request.write(line, None, &mut message);
        });
        let sent = async {
            stream.write_all(&message).await?;
            stream.flush().await
        };
        sent.await.map_err(Failure::from)?;
        let mut framed = Framed::new(stream, Heads::default());
        let head = poll_fn(|cx| Pin::new(&mut framed).next_item(cx)).await;
        let head = head.unwrap_or_else(|| Err(Failure::ended(true)))?;
        check(&head, &key)?;
        // Frames that came right behind the answer stay in it.
        Ok(framed.into_map_codec(|_| Guarded::new(Codec::new().client_mode(), limits.message)))
    }

    fn upgrade(&self, path: &str, headers: &Headers, key: &str) -> Request {
        let key = HeaderValue::from_str(key).expect("base64 fits into a header");
        let asks = [
            (header::USER_AGENT, USER_AGENT),
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            ),
            (header::SEC_WEBSOCKET_KEY, key),
        ];
        let all = asks.iter().chain(headers);
        let all = all.map(|(name, value): &(HeaderName, HeaderValue)| (name, value));
        Request::new(&Method::GET, &self.path(path), self.host(), all)
    }
}

/// The one head that comes before frames.
#[derive(Default)]
struct Heads(HeadReader);

impl Decoder for Heads {
    type Item = Head;
    type Error = Failure;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<Head>, Failure> {
        let read = self.0.read(received);
        read.map_err(|error| Failure::unreadable(&error))
    }

    fn decode_eof(&mut self, received: &mut BytesMut) -> Result<Option<Head>, Failure> {
        HeadReader::end(received).map_err(|error| Failure::unreadable(&error))?;
        Err(Failure::ended(received.is_empty()))
    }
}

/// Whether the answer agrees to what was asked with this key.
fn check(head: &Head, key: &str) -> Result<(), TransportError> {
    let Some(upgrade) = &head.upgrade else {
        return Err(Answer::of_status(head.status).as_error(&Secrets::none()));
    };
    let wrong = if !upgrade.protocol.eq_ignore_ascii_case(b"websocket") {
        "it switches to another protocol"
    } else if !upgrade.is_announced {
        "its header Connection does not say Upgrade"
    } else if upgrade.accept != hash_key(key.as_bytes()) {
        "it answers another key than ours"
    } else {
        return Ok(());
    };
    Err(TransportError::Malformed {
        reason: format!("no WebSocket came about: {wrong}"),
        task: None,
    })
}
