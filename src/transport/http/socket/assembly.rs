//! Messages out of frames, with a limit on what is held meanwhile.

use actix_http::ws::Item;
use bytes::{Bytes, BytesMut};

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SocketMessage {
    /// Declared to be text. Whether it is UTF-8 is not checked.
    Text(Bytes),
    Binary(Bytes),
}

/// The message whose fragments are coming in.
#[derive(Debug)]
pub(super) struct Assembly {
    parts: BytesMut,
    is_text: bool,
    limit: usize,
}

/// The fragments together are larger than what is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message in fragments is larger than {0} bytes")]
pub(super) struct TooLong(usize);

impl Assembly {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            parts: BytesMut::new(),
            is_text: false,
            limit,
        }
    }

    /// Takes a fragment; the last one gives the message. The codec has seen to it
    /// that they come in a sensible order.
    pub(super) fn add(&mut self, fragment: Item) -> Result<Option<SocketMessage>, TooLong> {
        let (bytes, is_last) = match fragment {
            Item::FirstText(bytes) => {
                self.is_text = true;
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.is_text = false;
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.parts.len() + bytes.len() > self.limit {
            return Err(TooLong(self.limit));
        }
        self.parts.extend_from_slice(&bytes);
        if !is_last {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.parts).freeze();
        Ok(Some(if self.is_text {
            SocketMessage::Text(whole)
        } else {
            SocketMessage::Binary(whole)
        }))
    }
}
