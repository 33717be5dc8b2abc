//! The head of an answer (RFC 9112), read by `httparse`, and what is taken from it: where
//! the body ends, whether another request may follow, and the few headers that matter.
//! What does not matter is not kept.

use std::mem::MaybeUninit;

use actix_http::StatusCode;
use bytes::{Buf, BytesMut};
use httparse::{ParserConfig, Response, Status};

use super::notes::Notes;
use super::told::Told;
use super::unpack::Packing;

/// The most headers that are read.
const HEADERS: usize = 128;

/// The largest head that is read.
const LARGEST: usize = 64 * 1024;

/// What is to be known of an answer before its body is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) length: Length,
    /// Whether another request may follow, once the body was read.
    pub(super) stays_open: bool,
    pub(super) packing: Packing,
    pub(super) notes: Notes,
    /// To which protocol a status 101 switches.
    pub(super) upgrade: Option<Box<Upgrade>>,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Exactly(usize),
    /// Each piece says how long it is.
    Chunked,
    /// Where the connection does.
    ToTheEnd,
}

/// What an answer says that agrees to another protocol (RFC 9110, section 7.8).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Upgrade {
    pub(super) protocol: Vec<u8>,
    /// Whether its header `Connection` says so, too.
    pub(super) is_announced: bool,
    /// Of a header `Sec-WebSocket-Accept`.
    pub(super) accept: Vec<u8>,
}

/// Why something is not the head of an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHead {
    #[error("{0}")]
    Syntax(#[from] httparse::Error),
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("its status is none of HTTP")]
    Status,
    #[error("its Content-Length is not one number")]
    Length,
    #[error("its Transfer-Encoding makes no sense")]
    Coding,
}

/// Finds the head of an answer in what comes in.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// So much was looked at in vain.
    seen: usize,
}

impl HeadReader {
    /// Takes a head off what has come, if all of it has. One that says that the answer
    /// is yet to come is passed over (RFC 9110, section 15.2).
    ///
    /// A head that comes in many pieces is looked at once per line, and at its start:
    /// there are not many lines.
    pub(super) fn read(&mut self, received: &mut BytesMut) -> Result<Option<Head>, BadHead> {
        loop {
            if skip_blank_lines(received) {
                self.seen = 0;
            }
            if received.len() == self.seen {
                return Ok(None);
            }
            let news = &received[self.seen..];
            let is_worth_it = self.seen == 0 || news.contains(&b'\n') || received.len() >= LARGEST;
            self.seen = received.len();
            if !is_worth_it {
                return Ok(None);
            }
            match look(received)? {
                Some((length, head)) => {
                    received.advance(length);
                    self.seen = 0;
                    if head.is_some() {
                        return Ok(head);
                    }
                }
                None if received.len() >= LARGEST => return Err(BadHead::TooLarge),
                None => return Ok(None),
            }
        }
    }

    /// What is wrong with a head that no more will come of, if it is not its length.
    pub(super) fn end(received: &[u8]) -> Result<(), BadHead> {
        look(received).map(drop)
    }
}

/// Such as a server may have sent behind the answer before (RFC 9112, section 2.2, has it
/// of requests). Whether there were any.
fn skip_blank_lines(received: &mut BytesMut) -> bool {
    let before = received.len();
    while let Some(length) = match received[..] {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    } {
        received.advance(length);
    }
    received.len() < before
}

/// The length of the head at the start of these bytes, and the head if it is that of
/// the answer itself.
fn look(bytes: &[u8]) -> Result<Option<(usize, Option<Head>)>, BadHead> {
    let mut space = [MaybeUninit::uninit(); HEADERS];
    let mut response = Response::new(&mut []);
    let mut config = ParserConfig::default();
    // Some servers write them. In a request they are a means to smuggle; who reads an
    // answer may ignore them (RFC 9112, section 5.1).
    config.allow_spaces_after_header_name_in_responses(true);
    let bytes = &bytes[..bytes.len().min(LARGEST)];
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut space)?;
    let Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let status = response.code.and_then(|it| StatusCode::from_u16(it).ok());
    let status = status.ok_or(BadHead::Status)?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Some((length, None)));
    }
    let mut told = Told::new(status, response.version);
    for header in &*response.headers {
        told.take(header.name, header.value)?;
    }
    Ok(Some((length, Some(told.head()))))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "head_properties.rs"]
mod properties;
