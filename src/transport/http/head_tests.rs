//! Heads, good and hostile.

use std::time::Duration;

use super::Length::{Chunked, Exactly, ToTheEnd};
use super::*;

const OPEN: bool = true;
const CLOSED: bool = false;

fn read(text: impl AsRef<[u8]>) -> Result<Option<Head>, BadHead> {
    HeadReader::default().read(&mut BytesMut::from(text.as_ref()))
}

/// A head with these lines behind the first one.
fn head(first: &str, lines: &[&str]) -> Result<Option<Head>, BadHead> {
    read(format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n")))
}

fn good(first: &str, lines: &[&str]) -> Head {
    head(first, lines).unwrap().expect("it is whole")
}

#[test]
fn a_head_says_where_the_body_ends_and_whether_the_connection_stays_open() {
    let cases = [
        ("1.1 200 OK|Content-Length: 7", Exactly(7), OPEN),
        ("1.1 200 OK|content-length:0", Exactly(0), OPEN),
        ("1.1 200 OK|CONTENT-LENGTH:\t 007 ", Exactly(7), OPEN),
        ("1.1 200 OK|Content-Length : 7", Exactly(7), OPEN),
        ("1.1 200|content-length: 7", Exactly(7), OPEN),
        ("1.1 500 \u{fc}|content-length: 7", Exactly(7), OPEN),
        ("1.1 999 x|content-length: 7", Exactly(7), OPEN),
        ("1.1 200 OK|transfer-encoding: chunked", Chunked, OPEN),
        ("1.1 200 OK|Transfer-Encoding: Chunked", Chunked, OPEN),
        ("1.1 200 OK|x: y", ToTheEnd, CLOSED),
        // Section 9.3.
        (
            "1.1 200 OK|content-length: 7|connection: close",
            Exactly(7),
            CLOSED,
        ),
        (
            "1.1 200 OK|content-length: 7|connection: X , Close",
            Exactly(7),
            CLOSED,
        ),
        (
            "1.1 200 OK|connection: close, keep-alive|content-length: 7",
            Exactly(7),
            CLOSED,
        ),
        (
            "1.1 200 OK|connection: keep-alive|content-length: 7",
            Exactly(7),
            OPEN,
        ),
        (
            "1.1 200 OK|connection: upgrade|content-length: 7",
            Exactly(7),
            CLOSED,
        ),
        ("1.0 200 OK|content-length: 7", Exactly(7), CLOSED),
        (
            "1.0 200 OK|content-length: 7|connection: keep-alive",
            Exactly(7),
            OPEN,
        ),
        ("1.0 200 OK|connection: keep-alive", ToTheEnd, CLOSED),
        // Section 6.3, item 1.
        ("1.1 204 OK", Exactly(0), OPEN),
        ("1.1 304 OK|content-length: 7", Exactly(0), OPEN),
        ("1.1 204 OK|content-length: 7", Exactly(0), CLOSED),
        ("1.1 204 OK|content-length: 0", Exactly(0), OPEN),
        ("1.1 204 OK|transfer-encoding: chunked", Exactly(0), CLOSED),
        ("1.1 101 Go|upgrade: other", Exactly(0), CLOSED),
        // Item 3: the chunks count, and nobody else is to read what follows.
        (
            "1.1 200 OK|content-length: 7|transfer-encoding: chunked",
            Chunked,
            CLOSED,
        ),
        (
            "1.1 200 OK|transfer-encoding: chunked|content-length: 7",
            Chunked,
            CLOSED,
        ),
        // Item 4.
        ("1.1 200 OK|transfer-encoding: gzip", ToTheEnd, CLOSED),
        (
            "1.1 200 OK|transfer-encoding: gzip|content-length: 7",
            ToTheEnd,
            CLOSED,
        ),
        ("1.1 200 OK|transfer-encoding: gzip, chunked", Chunked, OPEN),
        ("1.1 200 OK|transfer-encoding: identity", ToTheEnd, CLOSED),
        (
            "1.1 200 OK|transfer-encoding: identity|content-length: 7",
            Exactly(7),
            CLOSED,
        ),
    ];
    for (text, length, stays_open) in cases {
        let head = read(format!("HTTP/{}\r\n\r\n", text.replace('|', "\r\n")));
        let head = head.unwrap().expect("it is whole");
        assert_eq!(
            (head.length, head.stays_open),
            (length, stays_open),
            "{text}"
        );
    }
}

#[test]
fn a_head_that_two_could_read_in_two_ways_is_refused() {
    let lengths: &[&[&str]] = &[
        &["content-length: 7", "content-length: 8"],
        &["content-length: 7", "content-length: 7"],
        &["content-length: 7, 7"],
        &["content-length: -1"],
        &["content-length: +1"],
        &["content-length: 0x1"],
        &["content-length: 1 2"],
        &["content-length: "],
        &["content-length: 18446744073709551616"],
        &["content-length: \u{0663}"],
    ];
    for lines in lengths {
        assert_eq!(
            head("HTTP/1.1 200 OK", lines),
            Err(BadHead::Length),
            "{lines:?}"
        );
    }
    let codings: &[&[&str]] = &[
        &["transfer-encoding: chunked", "transfer-encoding: chunked"],
        &["transfer-encoding: gzip", "transfer-encoding: chunked"],
        &["transfer-encoding: chunked, chunked"],
        &["transfer-encoding: chunked, gzip"],
        &["transfer-encoding: chunked, identity"],
        &["transfer-encoding: ,"],
        &["transfer-encoding:"],
    ];
    for lines in codings {
        assert_eq!(
            head("HTTP/1.1 200 OK", lines),
            Err(BadHead::Coding),
            "{lines:?}"
        );
    }
    // Section 6.1: HTTP/1.0 knows no codings.
    let lines = ["transfer-encoding: chunked"];
    assert_eq!(head("HTTP/1.0 200 OK", &lines), Err(BadHead::Coding));
}

#[test]
fn what_is_no_head_of_http_1_is_refused() {
    for text in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
        // A line that goes on in the next one (section 5.2).
        "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
        "\x15\x03\x01",
    ] {
        assert!(matches!(read(text), Err(BadHead::Syntax(_))), "{text:?}");
    }
    assert_eq!(read("HTTP/1.1 099 OK\r\n\r\n"), Err(BadHead::Status));
}

#[test]
fn there_are_limits_to_heads() {
    let headers = |count| "a: b\r\n".repeat(count);
    let whole = |headers: String| read(format!("HTTP/1.1 204 OK\r\n{headers}\r\n"));
    assert!(whole(headers(HEADERS)).unwrap().is_some());
    let error = whole(headers(HEADERS + 1)).unwrap_err();
    assert_eq!(error, BadHead::Syntax(httparse::Error::TooManyHeaders));
    let long = |length: usize| whole(format!("a: {}\r\n", "b".repeat(length)));
    let rest = "HTTP/1.1 204 OK\r\na: \r\n\r\n".len();
    assert!(long(LARGEST - rest).unwrap().is_some());
    assert_eq!(long(LARGEST - rest + 1), Err(BadHead::TooLarge));
    let endless = format!("HTTP/1.1 204 OK\r\na: {}", "b".repeat(LARGEST));
    assert_eq!(read(endless), Err(BadHead::TooLarge));
}

#[test]
fn answers_that_are_yet_to_come_are_passed_over() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\ncontent-length: x\r\n\r\n";
    assert_eq!(read(early), Ok(None));
    let mut all = BytesMut::from(&format!("{early}HTTP/1.1 204 OK\r\n\r\nmore")[..]);
    let head = HeadReader::default().read(&mut all).unwrap().unwrap();
    assert_eq!(head.status, StatusCode::NO_CONTENT);
    assert_eq!(all, "more", "what follows is left");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_looked_at_once_per_line() {
    // Looking at it with each byte would take minutes.
    let lines = format!("a: {}\r\n", "b".repeat(500)).repeat(HEADERS - 1);
    let text = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 7\r\n\r\n");
    let (mut reader, mut received) = (HeadReader::default(), BytesMut::new());
    let mut found = None;
    for byte in text.bytes() {
        assert_eq!(found, None);
        received.extend_from_slice(&[byte]);
        found = reader.read(&mut received).unwrap();
    }
    assert_eq!(found.unwrap().length, Exactly(7));
    // Nor do blank lines add up.
    for _ in 0..100_000 {
        received.extend_from_slice(b"\r\n");
        assert_eq!(reader.read(&mut received), Ok(None));
    }
    assert!(received.is_empty());
}

#[test]
fn the_headers_that_matter_are_kept() {
    let head = good(
        "HTTP/1.1 429 Slow down",
        &[
            "Retry-After: 3",
            "X-RXON-Version: 1.0b17",
            "Date: Sun, 06 Nov 1994 08:49:37 GMT",
            "Content-Encoding: GZip",
            "Content-Length: 1",
            "Set-Cookie: a=b",
        ],
    );
    assert_eq!(head.notes.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(head.notes.version(), Some("1.0b17"));
    assert!(head.notes.date().is_some());
    assert_eq!(head.packing, Packing::Gzip);
    assert_eq!(head.upgrade, None);
}

#[test]
fn how_a_body_was_packed_is_known_or_not_offered() {
    let packing = |lines: &[&str]| good("HTTP/1.1 200 OK", lines).packing;
    let other = |name: &str| Packing::Other(name.to_owned());
    assert_eq!(packing(&["content-encoding: identity"]), Packing::None);
    assert_eq!(packing(&["content-encoding: X-Gzip"]), Packing::Gzip);
    assert_eq!(packing(&["content-encoding: zstd"]), Packing::Zstd);
    assert_eq!(packing(&["content-encoding: BR"]), other("br"));
    assert_eq!(
        packing(&["content-encoding: gzip, zstd"]),
        other("gzip, zstd")
    );
    let twice = ["content-encoding: gzip", "content-encoding: zstd"];
    assert_eq!(packing(&twice), other("several at once"));
    assert_eq!(
        packing(&["transfer-encoding: deflate, chunked"]),
        other("deflate")
    );
}

#[test]
fn who_switches_protocols_says_to_which() {
    let lines = [
        "Connection: keep-alive, Upgrade",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ];
    let upgrade = good("HTTP/1.1 101 Go", &lines).upgrade.unwrap();
    assert_eq!(upgrade.protocol, b"WebSocket");
    assert_eq!(upgrade.accept, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(upgrade.is_announced);
    let upgrade = good("HTTP/1.1 101 Go", &lines[1..]).upgrade.unwrap();
    assert!(!upgrade.is_announced);
    assert_eq!(good("HTTP/1.1 204 No", &lines).upgrade, None);
}
