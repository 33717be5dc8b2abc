//! As much of HTTP as it takes to tell requests apart.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Poll,
    Result,
    Beat,
    Register,
    /// A WebSocket for commands.
    Socket,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) head: usize,
    /// Head and body.
    pub(super) length: usize,
}

impl Request {
    /// The request that begins here, once all of it has arrived.
    pub(super) fn at_front_of(bytes: &[u8]) -> Option<Self> {
        let kind = match bytes.first()? {
            b'G' if bytes.starts_with(b"GET /_worker/ws") => Kind::Socket,
            b'G' => Kind::Poll,
            b'P' if bytes.starts_with(b"PATCH") => Kind::Beat,
            _ if bytes.starts_with(b"POST /_worker/tasks/") => Kind::Result,
            _ => Kind::Register,
        };
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let body = header(&bytes[..head], b"content-length:")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        let length = head + body;
        (bytes.len() >= length).then_some(Self { kind, head, length })
    }
}

/// The value of the header with this name, which is in lower case and ends in a colon.
pub(super) fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (its_name, value) = line.split_at_checked(name.len())?;
        its_name.eq_ignore_ascii_case(name).then_some(value)
    })?;
    std::str::from_utf8(value).ok().map(str::trim)
}
