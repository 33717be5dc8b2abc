//! How a WebSocket comes about: an HTTP request that asks for another protocol, and an
//! answer that agrees (RFC 6455, section 4).

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use actix_codec::{Framed, FramedParts};
use actix_http::body::BodySize;
use actix_http::h1::{ClientCodec, Message};
use actix_http::header::{self, HeaderName, HeaderValue};
use actix_http::ws::{Codec, hash_key};
use actix_http::{Method, RequestHeadType, ResponseHead, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::guard::Guarded;
use super::{Socket, SocketLimits, SocketSender};
use crate::transport::TransportError;
use crate::transport::http::connect::Stream;
use crate::transport::http::connection::is_interim;
use crate::transport::http::failure::Failure;
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
        let stream = self.target.dial().await?;
        let mut parts = FramedParts::new(stream, ClientCodec::new(self.codec.clone()));
        request.write(
            &self.secrets.line(Show::Current),
            None,
            &mut parts.write_buf,
        );
        let mut framed = Framed::from_parts(parts);
        let head = answer(Pin::new(&mut framed)).await?;
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

/// Sends what is to be sent and waits for an answer.
async fn answer(
    mut framed: Pin<&mut Framed<Stream, ClientCodec>>,
) -> Result<ResponseHead, Failure> {
    let sent = poll_fn(|cx| framed.as_mut().flush::<NoMessage>(cx)).await;
    sent.map_err(|error| Failure::of_io(&error))?;
    loop {
        match poll_fn(|cx| framed.as_mut().next_item(cx)).await {
            Some(Ok(head)) if is_interim(head.status) => {}
            Some(Ok(head)) => return Ok(head),
            Some(Err(error)) => return Err(Failure::unreadable(error)),
            None => return Err(Failure::ended(true)),
        }
    }
}

/// What the codec could write.
type NoMessage = Message<(RequestHeadType, BodySize)>;

/// Whether the answer agrees to what was asked with this key.
fn check(head: &ResponseHead, key: &str) -> Result<(), TransportError> {
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Answer::of_status(head.status).as_error(&Secrets::none()));
    }
    let is = |name: HeaderName, wanted: &[u8]| {
        let value = head.headers.get(name).map(HeaderValue::as_bytes);
        value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let wrong = if !is(header::UPGRADE, b"websocket") {
        "it switches to another protocol"
    } else if !head.upgrade() {
        "its header Connection does not say Upgrade"
    } else if head
        .headers
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .map(HeaderValue::as_bytes)
        != Some(&hash_key(key.as_bytes())[..])
    {
        "it answers another key than ours"
    } else {
        return Ok(());
    };
    Err(TransportError::Malformed {
        reason: format!("no WebSocket came about: {wrong}"),
        task: None,
    })
}
