//! Tunnels through an HTTP proxy: `CONNECT`, and the head of the answer to it.
//!
//! Plain `http://` goes through a tunnel as well, since awc cannot write the absolute form
//! that proxies expect otherwise. Many allow tunnels to port 443 only; the error says what
//! can be done.

use std::time::Duration;

use actix_http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::NetError;
use super::proxy::Proxy;
use super::target::Target;

/// How long a proxy has for its answer, which comes when it has connected.
pub(super) const LIMIT: Duration = Duration::from_secs(8);

/// The longest head of an answer, interim ones included.
const LONGEST_HEAD: usize = 16 * 1024;

/// What every answer begins with.
const MAGIC: &[u8] = b"HTTP/1.";

/// The head of a final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// How many bytes it has, with interim answers before it.
    pub(crate) length: usize,
}

/// The bytes are no HTTP answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotHttp;

/// Reads the head of an answer from its first bytes. `Ok(None)`: more are needed. Interim
/// answers (100 to 199, without 101) are passed over.
pub(crate) fn read_head(bytes: &[u8]) -> Result<Option<Head>, NotHttp> {
    let mut start = 0;
    loop {
        let Some((status, length)) = read_one(&bytes[start..])? else {
            return Ok(None);
        };
        start += length;
        let is_interim = (100..200).contains(&status) && status != 101;
        if !is_interim {
            let length = start;
            return Ok(Some(Head { status, length }));
        }
    }
}

/// The status and the length of one head, with the empty line at its end.
fn read_one(bytes: &[u8]) -> Result<Option<(u16, usize)>, NotHttp> {
    // Told at once, so that nobody waits for the rest of what is no answer.
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(NotHttp);
    }

    let mut status = None;
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            return Ok(None);
        };
        length += line.len();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match status {
            None => status = Some(read_status(text).ok_or(NotHttp)?),
            Some(status) if text.is_empty() => return Ok(Some((status, length))),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// The status of a line such as `HTTP/1.1 200 Connection established`.
fn read_status(line: &[u8]) -> Option<u16> {
    let [_minor, b' ', rest @ ..] = line.strip_prefix(MAGIC)? else {
        return None;
    };
    let (digits, rest) = rest.split_at_checked(3)?;
    let ends_there = matches!(rest, [] | [b' ', ..]);
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    if !ends_there || !is_number {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Asks the proxy for a tunnel to the target. Ends within its limit; afterwards the stream
/// is one to the target.
pub(super) async fn open<S>(stream: &mut S, proxy: &Proxy, target: &Target) -> Result<(), NetError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let no_tunnel = |reason: String| NetError::NoTunnel {
        proxy: proxy.to_string(),
        target: target.authority(),
        reason,
    };

    let exchange = timeout(LIMIT, ask(stream, &request(proxy, target))).await;
    let asked = exchange.unwrap_or_else(|_| {
        let limit = LIMIT.as_secs();
        Err(format!("it does not answer within {limit} s"))
    });
    let status = asked.map_err(no_tunnel)?;
    if (200..300).contains(&status) {
        return Ok(());
    }

    Err(NetError::Refused {
        proxy: proxy.to_string(),
        target: target.authority(),
        status: named(status),
        hint: hint(status, proxy, target),
    })
}

/// The request holds the password.
fn request(proxy: &Proxy, target: &Target) -> String {
    let authority = target.authority();
    let mut request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: axon-worker/{}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if let Some(authorization) = proxy.authorization() {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Sends a request and returns the status of its answer.
async fn ask<S>(stream: &mut S, request: &str) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: std::io::Error| format!("the connection failed: {error}");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;

    let mut answer = Vec::with_capacity(1024);
    loop {
        if answer.len() >= LONGEST_HEAD {
            let kib = LONGEST_HEAD / 1024;
            return Err(format!("the head of its answer is longer than {kib} KiB"));
        }
        let room = (LONGEST_HEAD - answer.len()) as u64;
        let read = (&mut *stream).take(room).read_buf(&mut answer).await;
        if read.map_err(failed)? == 0 {
            return Err("it closes the connection without an answer".to_owned());
        }

        match read_head(&answer) {
            Err(NotHttp) => return Err("it answers something that is not HTTP".to_owned()),
            Ok(None) => {}
            // The other side of a tunnel waits for us; bytes that came before are not its.
            Ok(Some(head)) if head.length < answer.len() && head.status / 100 == 2 => {
                return Err("it sends more than the head of an answer".to_owned());
            }
            Ok(Some(head)) => return Ok(head.status),
        }
    }
}

/// The status with its usual name; the proxy's words may be anything.
fn named(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok();
    match known.and_then(|status| status.canonical_reason()) {
        Some(name) => format!("{status} {name}"),
        None => status.to_string(),
    }
}

fn hint(status: u16, proxy: &Proxy, target: &Target) -> String {
    let variable = proxy.variable();
    match status {
        407 if proxy.authorization().is_some() => {
            format!("; it does not take the user and password in {variable}")
        }
        407 => format!("; set {variable} to http://user:password@host:port"),
        400..=499 | 501 if !target.is_secure() => format!(
            "; http:// goes through a tunnel, too, and this proxy may allow them for https:// \
             only: name {} in NO_PROXY",
            target.host()
        ),
        _ => String::new(),
    }
}
