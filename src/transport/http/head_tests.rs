//! Heads, good and hostile, whole and in pieces.

use std::time::Duration;

use actix_http::h1::ClientCodec;
use actix_http::{ConnectionType, ServiceConfig, header};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::Decoder;

use super::Length::{Chunked, Exactly, ToTheEnd};
use super::*;

const OPEN: bool = true;
const CLOSED: bool = false;

fn read(text: impl AsRef<[u8]>) -> Result<Option<Head>, BadHead> {
    HeadReader::default().read(&mut BytesMut::from(text.as_ref()))
}

/// A head with these lines behind the first one.
fn head(first: &str, lines: &[&str]) -> Result<Option<Head>, BadHead> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    read(format!("{first}\r\n{lines}\r\n"))
}

fn good(first: &str, lines: &[&str]) -> Head {
    head(first, lines).unwrap().expect("it is whole")
}

#[test]
fn a_head_says_where_the_body_ends_and_whether_the_connection_stays_open() {
    let cases: &[(&str, &[&str], Length, bool)] = &[
        ("HTTP/1.1 200 OK", &["Content-Length: 7"], Exactly(7), OPEN),
        ("HTTP/1.1 200 OK", &["content-length:0"], Exactly(0), OPEN),
        (
            "HTTP/1.1 200 OK",
            &["CONTENT-LENGTH:\t 007 "],
            Exactly(7),
            OPEN,
        ),
        ("HTTP/1.1 200 OK", &["Content-Length : 7"], Exactly(7), OPEN),
        ("HTTP/1.1 200", &["content-length: 7"], Exactly(7), OPEN),
        (
            "HTTP/1.1 500 \u{fc}",
            &["content-length: 7"],
            Exactly(7),
            OPEN,
        ),
        ("HTTP/1.1 999 x", &["content-length: 7"], Exactly(7), OPEN),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: chunked"],
            Chunked,
            OPEN,
        ),
        (
            "HTTP/1.1 200 OK",
            &["Transfer-Encoding: Chunked"],
            Chunked,
            OPEN,
        ),
        ("HTTP/1.1 200 OK", &["x: y"], ToTheEnd, CLOSED),
        // Section 9.3.
        (
            "HTTP/1.1 200 OK",
            &["content-length: 7", "connection: close"],
            Exactly(7),
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["content-length: 7", "connection: X , Close"],
            Exactly(7),
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["connection: close, keep-alive", "content-length: 7"],
            Exactly(7),
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["connection: keep-alive", "content-length: 7"],
            Exactly(7),
            OPEN,
        ),
        (
            "HTTP/1.1 200 OK",
            &["connection: upgrade", "content-length: 7"],
            Exactly(7),
            CLOSED,
        ),
        (
            "HTTP/1.0 200 OK",
            &["content-length: 7"],
            Exactly(7),
            CLOSED,
        ),
        (
            "HTTP/1.0 200 OK",
            &["content-length: 7", "connection: keep-alive"],
            Exactly(7),
            OPEN,
        ),
        (
            "HTTP/1.0 200 OK",
            &["connection: keep-alive"],
            ToTheEnd,
            CLOSED,
        ),
        // Section 6.3, item 1.
        ("HTTP/1.1 204 OK", &[], Exactly(0), OPEN),
        ("HTTP/1.1 304 OK", &["content-length: 7"], Exactly(0), OPEN),
        (
            "HTTP/1.1 204 OK",
            &["content-length: 7"],
            Exactly(0),
            CLOSED,
        ),
        ("HTTP/1.1 204 OK", &["content-length: 0"], Exactly(0), OPEN),
        (
            "HTTP/1.1 204 OK",
            &["transfer-encoding: chunked"],
            Exactly(0),
            CLOSED,
        ),
        ("HTTP/1.1 101 Go", &["upgrade: other"], Exactly(0), CLOSED),
        // Item 3: the chunks count, and nobody else is to read what follows.
        (
            "HTTP/1.1 200 OK",
            &["content-length: 7", "transfer-encoding: chunked"],
            Chunked,
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: chunked", "content-length: 7"],
            Chunked,
            CLOSED,
        ),
        // Item 4.
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: gzip"],
            ToTheEnd,
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: gzip", "content-length: 7"],
            ToTheEnd,
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: gzip, chunked"],
            Chunked,
            OPEN,
        ),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: identity"],
            ToTheEnd,
            CLOSED,
        ),
        (
            "HTTP/1.1 200 OK",
            &["transfer-encoding: identity", "content-length: 7"],
            Exactly(7),
            CLOSED,
        ),
    ];
    for (first, lines, length, stays_open) in cases {
        let head = good(first, lines);
        let told = (head.length, head.stays_open);
        assert_eq!(told, (*length, *stays_open), "{first} {lines:?}");
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

/// What comes of these bytes when they come in pieces of these lengths, in turn, and
/// then no more; and what is left.
fn read_cut(bytes: &[u8], pieces: &[usize]) -> (Result<Option<Head>, BadHead>, Vec<u8>) {
    let (mut reader, mut received) = (HeadReader::default(), BytesMut::new());
    let (mut rest, mut lengths) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |&it| it.min(rest.len()));
        received.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        match reader.read(&mut received) {
            Ok(None) => {}
            Ok(head) => return (Ok(head), [&received[..], rest].concat()),
            Err(error) => return (Err(error), Vec::new()),
        }
    }
    let ended = HeadReader::end(&received).map(|()| None);
    (ended, Vec::new())
}

/// Parts of heads, so that what is made of them comes near to one.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just("HTTP/1.1 200 OK\r\n"),
        Just("HTTP/1.0 204 No\r\n"),
        Just("HTTP/1.1 100 Continue\r\n\r\n"),
        Just("HTTP/1.1 "),
        Just("content-length: 7\r\n"),
        Just("content-length: +7\r\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("transfer-encoding: gzip\r\n"),
        Just("connection: close\r\n"),
        Just("connection: keep-alive\r\n"),
        Just("Content-Encoding: zstd\r\n"),
        Just("a:b\n"),
        Just("\r\n"),
        Just("\n"),
        Just(" "),
        Just("\r"),
    ];
    prop_oneof![
        4 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..8),
    ]
}

/// A head that is well written, if not always well meant.
fn written() -> impl Strategy<Value = String> {
    let first = prop_oneof![
        Just("HTTP/1.1 200 OK"),
        Just("HTTP/1.1 204 No"),
        Just("HTTP/1.1 304 Same"),
        Just("HTTP/1.1 503 "),
        Just("HTTP/1.0 200 OK"),
    ];
    let line = prop_oneof![
        (0..99_999_u32).prop_map(|length| format!("Content-Length: {length}")),
        Just("Content-Length: 5x".to_owned()),
        Just("Transfer-Encoding: chunked".to_owned()),
        Just("Transfer-Encoding: identity".to_owned()),
        Just("Connection: close".to_owned()),
        Just("Connection: Keep-Alive".to_owned()),
        Just("Connection: x, Upgrade".to_owned()),
        Just("Content-Encoding: gzip".to_owned()),
        "[a-zA-Z-]{1,12}: ?[ -~]{0,20}",
    ];
    (first, vec(line, 0..5)).prop_map(|(first, lines)| {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        format!("{first}\r\n{lines}\r\n")
    })
}

/// The same by `actix-http`.
fn by_actix(text: &str) -> Option<(StatusCode, Length, bool)> {
    // It starts a task, which comes to nothing here.
    let aside = tokio::task::LocalSet::new();
    let _inside = aside.enter();
    let mut codec = ClientCodec::new(ServiceConfig::default());
    let head = codec.decode(&mut BytesMut::from(text)).ok()??;
    let length = head.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    let coding = head.headers.get(header::TRANSFER_ENCODING);
    let is_chunked = coding.is_some_and(|it| it == "chunked");
    let ends = match (head.status.as_u16(), length) {
        (204 | 304, _) => Exactly(0),
        _ if is_chunked => Chunked,
        (_, Some(length)) => Exactly(length),
        (_, None) => ToTheEnd,
    };
    let stays_open = head.connection_type() == ConnectionType::KeepAlive;
    Some((head.status, ends, stays_open))
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(
        parts in vec(part(), 0..12),
        pieces in vec(1..40_usize, 1..5),
    ) {
        let bytes = parts.concat();
        let whole = read_cut(&bytes, &[bytes.len() + 1]);
        prop_assert_eq!(read_cut(&bytes, &pieces), whole);
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read([&b"HTTP/1.1 200 OK\r\n"[..], &bytes, b"\r\n\r\n"].concat());
    }

    #[test]
    fn actix_reads_the_same_and_leaves_no_less_open(text in written()) {
        let ours = read(&text).ok().flatten();
        let theirs = by_actix(&text);
        if text.starts_with("HTTP/1.0") && text.contains("Transfer-Encoding") {
            prop_assert_eq!(ours, None);
            return Ok(());
        }
        let read = ours.as_ref().map(|head| (head.status, head.length));
        prop_assert_eq!(read, theirs.map(|it| (it.0, it.1)));
        if ours.is_some_and(|head| head.stays_open) {
            prop_assert!(theirs.is_some_and(|it| it.2));
        }
    }
}
