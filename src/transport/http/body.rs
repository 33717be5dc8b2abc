//! The body of an answer, and whether all of it came.

use std::pin::Pin;

use bytes::{Buf, BufMut, BytesMut};
use futures_util::future::poll_fn;
use tokio_util::io::poll_read_buf;

use super::answer::Flaw;
use super::chunks::{Chunks, Progress};
use super::connection::Connection;
use super::head::Length;

/// Of a body whose length is not told: at least so much of it is read at a time, once
/// there is more than that.
const LARGE: usize = 64 * 1024;

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
            Length::Chunked => self.read_chunks(limit, into).await,
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

    async fn read_chunks(&mut self, limit: usize, into: &mut BytesMut) -> Option<Flaw> {
        let mut chunks = Chunks::default();
        loop {
            match chunks.read(&mut self.received, limit, into) {
                Ok(Progress::IsDone) => break,
                Ok(Progress::GoesOn) => {}
                Err(flaw) => return Some(flaw),
            }
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
        if into.len() > LARGE {
            // An idle connection needs no such room.
            self.received = BytesMut::from(&self.received[..]);
        }
        None
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
