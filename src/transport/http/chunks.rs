//! Bodies in chunks, each of which says how long it is (RFC 9112, section 7.1). What the
//! chunks say beside that, and what follows the last one, means nothing to us.

use bytes::{Buf, BytesMut};
use httparse::{Status, parse_chunk_size};

use super::answer::Flaw;

/// The longest line with the size of a chunk.
const LONGEST_LINE: usize = 4 * 1024;

/// Lines behind the last chunk, all together.
const TRAILERS: usize = 16 * 1024;

/// How far a body was read.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// The line with the size of the next chunk.
    #[default]
    Size,
    /// So much is missing of a chunk, and then a line end.
    Data(u64),
    /// The lines behind the last chunk, after so many bytes of them.
    Trailers(usize),
}

/// Whether a body is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Something is missing.
    GoesOn,
    IsDone,
}

impl Chunks {
    /// Moves what has come to `into`, as long as that stays within its limit. What comes
    /// behind the body is left.
    pub(super) fn read(
        &mut self,
        received: &mut BytesMut,
        limit: usize,
        into: &mut BytesMut,
    ) -> Result<Progress, Flaw> {
        loop {
            let step = match self.state {
                State::Size => read_size(received)?,
                State::Data(0) => read_line_end(received)?,
                State::Data(missing) => read_data(missing, received, limit, into)?,
                State::Trailers(before) => match read_trailer(before, received)? {
                    Some(0) => return Ok(Progress::IsDone),
                    before => before.map(State::Trailers),
                },
            };
            match step {
                Some(state) => self.state = state,
                None => return Ok(Progress::GoesOn),
            }
        }
    }
}

/// Whether nothing is in a line that another reader might take for its end: a CR that
/// stands alone first of all (RFC 9112, section 2.2).
fn is_text(line: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    !line.iter().any(is_odd)
}

fn broken(why: &str) -> Flaw {
    Flaw::Broken(why.to_owned())
}

fn read_size(received: &mut BytesMut) -> Result<Option<State>, Flaw> {
    let seen = &received[..received.len().min(LONGEST_LINE)];
    match seen.first() {
        None => return Ok(None),
        Some(first) if first.is_ascii_hexdigit() => {}
        Some(_) => return Err(broken("a chunk has no size")),
    }
    match parse_chunk_size(seen) {
        Ok(Status::Complete((length, size))) => {
            // The parser takes anything for an extension, others might not take it.
            if !is_text(&seen[..length - b"\r\n".len()]) {
                return Err(broken("the extension of a chunk is not a text"));
            }
            received.advance(length);
            Ok(Some(match size {
                0 => State::Trailers(0),
                size => State::Data(size),
            }))
        }
        Ok(Status::Partial) if seen.len() < LONGEST_LINE => Ok(None),
        Ok(Status::Partial) => Err(broken("the size of a chunk is a very long line")),
        Err(_) => Err(broken("the size of a chunk is no number, or too large")),
    }
}

/// A part of a body that is too large is kept: the ids of a task may be in it.
fn read_data(
    missing: u64,
    received: &mut BytesMut,
    limit: usize,
    into: &mut BytesMut,
) -> Result<Option<State>, Flaw> {
    let here = usize::try_from(missing).map_or(received.len(), |it| it.min(received.len()));
    if here == 0 {
        return Ok(None);
    }
    let fits = here.min(limit.saturating_sub(into.len()));
    into.extend_from_slice(&received[..fits]);
    received.advance(here);
    if fits < here {
        return Err(Flaw::TooLarge(limit));
    }
    Ok(Some(State::Data(missing - here as u64)))
}

fn read_line_end(received: &mut BytesMut) -> Result<Option<State>, Flaw> {
    match &received[..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => {
            received.advance(2);
            Ok(Some(State::Size))
        }
        _ => Err(broken("a chunk is longer than it says")),
    }
}

/// The length of all lines up to here, `Some(0)` behind the last one.
fn read_trailer(before: usize, received: &mut BytesMut) -> Result<Option<usize>, Flaw> {
    let room = TRAILERS - before;
    let seen = &received[..received.len().min(room)];
    let Some(end) = seen.iter().position(|byte| *byte == b'\n') else {
        return if seen.len() < room {
            Ok(None)
        } else {
            Err(broken("far too much comes behind the last chunk"))
        };
    };
    let line = seen[..end].strip_suffix(b"\r");
    let line = line.ok_or_else(|| broken("a line behind the last chunk has no end"))?;
    if !is_text(line) {
        return Err(broken("a line behind the last chunk is not a text"));
    }
    let is_last = line.is_empty();
    received.advance(end + 1);
    Ok(Some(if is_last { 0 } else { before + end + 1 }))
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
