//! Where an HTTP/1.1 message begins and ends.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// One end of a connection, with what was read and not used yet.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    buffer: BytesMut,
}

/// A request or an answer, as it came.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) bytes: Bytes,
    body_at: usize,
}

impl Message {
    /// The words of the first line.
    pub(super) fn first_line(&self) -> Vec<&str> {
        let line = self.bytes.split(|byte| *byte == b'\r').next();
        let line = std::str::from_utf8(line.unwrap_or_default()).unwrap_or_default();
        line.split(' ').collect()
    }

    pub(super) fn is_ok(&self) -> bool {
        self.first_line().get(1) == Some(&"200")
    }

    /// The head and half of the body.
    pub(super) fn half(&self) -> Bytes {
        let body = self.bytes.len() - self.body_at;
        self.bytes.slice(..self.body_at + body / 2)
    }

    /// The `task_id` in the body, if that is JSON and has one.
    pub(super) fn task_id(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.bytes[self.body_at..]).ok()?;
        Some(body.get("task_id")?.as_str()?.to_owned())
    }
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next message; `None` when the other side has closed. Dropping the future
    /// loses nothing that was read.
    pub(super) async fn message(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some((body_at, end)) = bounds(&self.buffer) {
                let bytes = self.buffer.split_to(end).freeze();
                return Ok(Some(Message { bytes, body_at }));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Ends when the other side closes.
    pub(super) async fn closed(&mut self) {
        while matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {}
    }
}

/// Where the body begins and the message ends, once all of it is there.
fn bounds(bytes: &[u8]) -> Option<(usize, usize)> {
    let body_at = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..body_at]).unwrap_or_default();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let body = if header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        chunks(&bytes[body_at..])?
    } else {
        header("content-length").map_or(0, |length| length.parse().unwrap_or(0))
    };
    let end = body_at + body;
    (bytes.len() >= end).then_some((body_at, end))
}

/// The length of a chunked body, once all of it is there. Trailers are not expected.
fn chunks(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(body.get(at..)?, b"\r\n")?;
        let size = std::str::from_utf8(&body[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2 + size + 2;
        if size == 0 {
            return (body.len() >= at).then_some(at);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
