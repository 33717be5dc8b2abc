//! Heads made of anything, in pieces, and as `actix-http` reads them.

use actix_http::h1::ClientCodec;
use actix_http::{ConnectionType, ServiceConfig, header};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::Decoder;

use super::Length::{Chunked, Exactly, ToTheEnd};
use super::*;

fn read(text: impl AsRef<[u8]>) -> Result<Option<Head>, BadHead> {
    HeadReader::default().read(&mut BytesMut::from(text.as_ref()))
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
        let all: Vec<&str> = [first]
            .into_iter()
            .chain(lines.iter().map(String::as_str))
            .collect();
        format!("{}\r\n\r\n", all.join("\r\n"))
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
