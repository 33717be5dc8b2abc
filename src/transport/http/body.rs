//! The body of an answer: how long it is, and whether all of it came.

use std::pin::Pin;

use actix_http::h1::{ClientPayloadCodec, MessageType};
use actix_http::{ConnectionType, ResponseHead, StatusCode, header};
use bytes::{Buf, BufMut, BytesMut};
use futures_util::future::poll_fn;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::answer::Flaw;
use super::connection::{Answered, Connection};

/// Of a body whose length is not told: at least so much of it is read at a time, once
/// there is more than that.
const LARGE: usize = 64 * 1024;

/// Where a body ends.
pub(super) enum Length {
    Exactly(usize),
    /// Each piece says how long it is.
    Chunked(ClientPayloadCodec),
    /// Where the connection does.
    ToTheEnd,
}

impl Length {
    pub(super) fn of(answer: Answered) -> Self {
        let Answered { head, codec, .. } = answer;
        // A 204 has no body whatever its headers claim.
        if matches!(
            head.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            return Self::Exactly(0);
        }
        if head.headers.contains_key(header::TRANSFER_ENCODING)
            && codec.message_type() == MessageType::Payload
        {
            return Self::Chunked(codec.into_payload_codec());
        }
        match declared(&head) {
            Some(length) => Self::Exactly(length),
            None => Self::ToTheEnd,
        }
    }
}

/// The length of the body as told: of what travels, which may be compressed. The codec
/// has refused what is no number.
fn declared(head: &ResponseHead) -> Option<usize> {
    let length = head.headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// Whether another request may follow an answer with this head, once its body was read.
pub(super) fn leaves_open(answer: &Answered) -> bool {
    let says_so = answer.head.connection_type() == ConnectionType::KeepAlive;
    // What comes behind such an answer may be a body after all.
    let is_odd = answer.head.status == StatusCode::NO_CONTENT
        && declared(&answer.head).is_some_and(|length| length > 0);
    says_so && !answer.is_early && !is_odd
}

impl Connection {
    /// Reads to the end, also of errors, so that the connection can be used again. What
    /// has come so far is in `into` at any time.
    pub(super) async fn read_body(
        &mut self,
        length: Length,
        limit: usize,
        into: &mut BytesMut,
    ) -> Option<Flaw> {
        match length {
            Length::Exactly(length) if length > limit => {
                // The start is kept: the ids of a task may be in it.
                if self.received.is_empty()
                    && let Err(flaw) = self.more().await
                {
                    return Some(flaw);
                }
                into.extend_from_slice(&self.received);
                Some(Flaw::TooLarge(limit))
            }
            Length::Exactly(length) => self.read_exactly(length, into).await,
            Length::Chunked(codec) => self.read_chunks(codec, limit, into).await,
            Length::ToTheEnd => self.read_to_the_end(limit, into).await,
        }
    }

    /// What is still missing goes straight to where it belongs.
    async fn read_exactly(&mut self, length: usize, into: &mut BytesMut) -> Option<Flaw> {
        let here = self.received.len().min(length);
        into.reserve(length);
        into.extend_from_slice(&self.received[..here]);
        self.received.advance(here);
        while into.len() < length {
            let missing = length - into.len();
            let mut rest = (&mut *into).limit(missing);
            let stream = &mut self.stream;
            match poll_fn(|cx| poll_read_buf(Pin::new(&mut *stream), cx, &mut rest)).await {
                Ok(0) => {
                    let (got, want) = (into.len(), length);
                    return Some(Flaw::CutOff { got, want });
                }
                Ok(_) => {}
                Err(error) => return Some(Flaw::Broken(error.to_string())),
            }
        }
        None
    }

    async fn read_chunks(
        &mut self,
        mut codec: ClientPayloadCodec,
        limit: usize,
        into: &mut BytesMut,
    ) -> Option<Flaw> {
        loop {
            match codec.decode(&mut self.received) {
                Ok(Some(Some(chunk))) => {
                    into.extend_from_slice(&chunk);
                    if into.len() > limit {
                        return Some(Flaw::TooLarge(limit));
                    }
                }
                Ok(Some(None)) => return None,
                Ok(None) => {
                    if into.len() > LARGE {
                        self.received.reserve(LARGE);
                    }
                    match self.more().await {
                        Ok(true) => {}
                        Ok(false) => {
                            let why = "the connection closed before its end".to_owned();
                            return Some(Flaw::Broken(why));
                        }
                        Err(flaw) => return Some(flaw),
                    }
                }
                Err(error) => return Some(Flaw::Broken(error.to_string())),
            }
        }
    }

    async fn read_to_the_end(&mut self, limit: usize, into: &mut BytesMut) -> Option<Flaw> {
        loop {
            into.extend_from_slice(&self.received);
            self.received.clear();
            if into.len() > limit {
                return Some(Flaw::TooLarge(limit));
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(flaw) => return Some(flaw),
            }
        }
    }

    /// Waits for more. `false`: there is no more.
    async fn more(&mut self) -> Result<bool, Flaw> {
        let more = poll_fn(|cx| self.poll_receive(cx)).await;
        more.map_err(|error| Flaw::Broken(error.to_string()))
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
