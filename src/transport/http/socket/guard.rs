//! Frames, looked at before they are taken in.
//!
//! The codec of `actix-http` buffers a whole frame before it compares its size
//! with the limit. This one reads the size from the head of the frame. It also
//! recognises a server that refuses us with plain HTTP after it has already agreed
//! to the upgrade, as avtomatika 1.0b12 does.

use std::io;

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{Codec, Frame, Message, ProtocolError};
use bytes::BytesMut;

/// The codec of a client with a limit that protects memory.
#[derive(Debug)]
pub(super) struct Guarded {
    inner: Codec,
    limit: u64,
    /// Only before the first frame can there be HTTP.
    has_begun: bool,
}

/// Why there is no next frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame of {size} bytes is announced, at most {limit} are taken")]
    TooLarge { size: u64, limit: u64 },
    /// An HTTP answer in place of frames.
    #[error("status {0} came in place of frames")]
    Http(u16),
    #[error("{0}")]
    Protocol(ProtocolError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Guarded {
    pub(super) fn new(inner: Codec, limit: usize) -> Self {
        Self {
            // One more than ours, so that it is always ours that speaks.
            inner: inner.max_size(limit.saturating_add(1)),
            limit: limit as u64,
            has_begun: false,
        }
    }
}

impl Decoder for Guarded {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if !self.has_begun {
            match HttpStart::of(bytes) {
                HttpStart::No => {}
                HttpStart::Perhaps => return Ok(None),
                HttpStart::Yes(status) => return Err(FrameError::Http(status)),
            }
        }
        match announced(bytes) {
            Some(size) if size > self.limit => {
                let limit = self.limit;
                return Err(FrameError::TooLarge { size, limit });
            }
            Some(_) => {}
            None => return Ok(None),
        }
        self.has_begun = true;
        self.inner.decode(bytes).map_err(|error| match error {
            ProtocolError::Io(error) => FrameError::Io(error),
            other => FrameError::Protocol(other),
        })
    }
}

impl Encoder<Message> for Guarded {
    type Error = FrameError;

    fn encode(&mut self, message: Message, into: &mut BytesMut) -> Result<(), FrameError> {
        self.inner
            .encode(message, into)
            .map_err(FrameError::Protocol)
    }
}

/// The length in the head of a frame, once enough of the head is there.
fn announced(bytes: &[u8]) -> Option<u64> {
    match bytes.get(1)? & 0x7f {
        126 => Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => Some(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => Some(short.into()),
    }
}

/// Whether this is the start of an HTTP answer. No frame begins like that: the
/// first letter has a bit that is reserved for extensions, of which we allow none.
enum HttpStart {
    No,
    Perhaps,
    Yes(u16),
}

impl HttpStart {
    fn of(bytes: &[u8]) -> Self {
        const VERSION: &[u8] = b"HTTP/1.";
        let known = bytes.len().min(VERSION.len());
        if bytes[..known] != VERSION[..known] {
            return Self::No;
        }
        // `HTTP/1.1 401`
        let Some(status) = bytes.get(9..12) else {
            return Self::Perhaps;
        };
        let status = std::str::from_utf8(status)
            .ok()
            .and_then(|s| s.parse().ok());
        Self::Yes(status.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_refused_by_its_head_and_one_at_the_limit_is_not() {
        let decode = |bytes: &[u8]| {
            let mut guard = Guarded::new(Codec::new().client_mode(), 8);
            guard.decode(&mut BytesMut::from(bytes))
        };
        let mut head = vec![0x81, 127];
        head.extend_from_slice(&(256_u64 << 20).to_be_bytes());
        for known in 0..10 {
            assert!(matches!(decode(&head[..known]), Ok(None)), "{known}");
        }
        for head in [&head[..], b"\x81\x09", b"\x81\x7e\x00\x09"] {
            let refused = decode(head).unwrap_err();
            assert!(matches!(refused, FrameError::TooLarge { size: 9.., .. }));
        }
        // Inside a frame it is only text.
        let taken = decode(b"\x81\x08HTTP/1.1").unwrap();
        assert_eq!(taken, Some(Frame::Text("HTTP/1.1".into())));
    }
}
