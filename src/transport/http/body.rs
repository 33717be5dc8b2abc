//! The body of a response, and whether all of it came.

use std::cell::Cell;
use std::time::Duration;

use awc::ClientResponse;
use awc::error::PayloadError;
use awc::http::header::{self, HeaderMap};
use awc::http::{StatusCode, Version};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::error::Peer;
use super::progress::Progress;

/// Why a body is not whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body was cut off after {got} of {want} bytes")]
    CutOff { got: usize, want: usize },
    /// Chunked or compressed.
    #[error("the body was cut off after {0} bytes")]
    Unfinished(usize),
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not end within {0:?}")]
    Late(Duration),
    #[error("the body did not end: nothing more came for {0:?}")]
    Stalled(Duration),
    #[error("the body broke off: {0}")]
    Broken(String),
    #[error("the body has the encoding {0:?}, which was not asked for")]
    Encoding(String),
    #[error("the body has neither a Content-Length nor chunks")]
    NoLength,
}

impl BodyError {
    /// Returns `true` if the way is to blame: the same response may be whole the next time.
    pub(crate) fn broke_off(&self) -> bool {
        matches!(
            self,
            Self::CutOff { .. }
                | Self::Unfinished(_)
                | Self::Late(_)
                | Self::Stalled(_)
                | Self::Broken(_)
        )
    }
}

/// How a body is read.
pub(super) struct Reading<'a> {
    /// The largest that is taken.
    pub(super) limit: usize,
    /// Counts the connections of the client that were closed.
    pub(super) closed: &'a Cell<usize>,
    pub(super) progress: &'a Progress,
    pub(super) peer: &'a Peer,
}

/// Reads a body to its end, also that of an error, since an unread body closes its
/// connection. Whatever came is in `into` at any time.
pub(super) async fn read<S>(
    mut response: ClientResponse<S>,
    reading: &Reading<'_>,
    into: &mut BytesMut,
) -> Option<BodyError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let &Reading { limit, peer, .. } = reading;
    let (status, headers) = (response.status(), response.headers());
    // A 204 has no body whatever its headers claim.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return None;
    }
    let announced = content_length(headers);
    let is_framed = announced.is_some() || headers.contains_key(header::TRANSFER_ENCODING);
    // `awc` takes it for empty (actix/actix-web#2287).
    if !is_framed && response.version() != Version::HTTP_10 {
        return Some(BodyError::NoLength);
    }
    let is_packed = headers.contains_key(header::CONTENT_ENCODING);
    let foreign = foreign_encoding(headers);

    let is_too_large = announced.is_some_and(|length| length > limit);
    if let Some(length) = announced.filter(|_| !is_too_large) {
        into.reserve(length);
    }
    while let Some(chunk) = response.next().await {
        match chunk {
            // The start is kept: the ids of a task may be in it.
            Ok(chunk) if is_too_large || into.len() + chunk.len() > limit => {
                let room = limit.saturating_sub(into.len()).min(chunk.len());
                into.extend_from_slice(&chunk[..room]);
                return Some(BodyError::TooLarge(limit));
            }
            Ok(chunk) => {
                reading.progress.bytes(chunk.len());
                into.extend_from_slice(&chunk);
            }
            Err(PayloadError::Io(error)) => {
                return Some(BodyError::Broken(peer.explain(error).to_string()));
            }
            Err(error) => return Some(BodyError::Broken(error.to_string())),
        }
    }

    if !was_finished(response, reading.closed) && is_framed {
        let got = into.len();
        return Some(match announced {
            Some(want) if !is_packed => BodyError::CutOff { got, want },
            _ => BodyError::Unfinished(got),
        });
    }
    foreign.map(|name| {
        into.clear();
        BodyError::Encoding(name)
    })
}

/// Drops a response that was read to its end, and returns whether that was the end of the
/// body and not of the connection, which `awc` does not tell apart. It gives a connection
/// back as soon as a body has ended, and drops one that was cut with the response
/// (`PlStream` in awc 3.11, `src/client/h1proto.rs`).
fn was_finished<S>(response: ClientResponse<S>, closed: &Cell<usize>) -> bool {
    let before = closed.get();
    drop(response);
    closed.get() == before
}

/// Returns the encoding, if it is one that `awc` does not undo.
fn foreign_encoding(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::CONTENT_ENCODING);
    let all: Vec<_> = all
        .map(|it| String::from_utf8_lossy(it.as_bytes()))
        .collect();
    let all = all.join(", ").trim().to_ascii_lowercase();
    let is_known = matches!(all.as_str(), "" | "identity" | "gzip" | "deflate");
    (!is_known).then(|| all.chars().take(40).collect())
}

/// Returns the announced length: of what travels, which may be compressed.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}
