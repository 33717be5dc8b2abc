//! Bodies in chunks, good and hostile, whole and in pieces.

use actix_http::ServiceConfig;
use actix_http::h1::ClientCodec;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::Decoder;

use super::*;

const LIMIT: usize = 1000;

/// How reading ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With this left.
    Done(Vec<u8>),
    /// More would have to come.
    Open,
    Flaw(String),
}

/// What comes of these bytes when they come in pieces of these lengths, in turn.
fn read_cut(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, End) {
    let (mut chunks, mut received) = (Chunks::default(), BytesMut::new());
    let mut into = BytesMut::new();
    let (mut rest, mut lengths) = (bytes, pieces.iter().cycle());
    let mut end = End::Open;
    while end == End::Open && !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |&it| it.min(rest.len()));
        received.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        end = match chunks.read(&mut received, LIMIT, &mut into) {
            Ok(Progress::GoesOn) => End::Open,
            Ok(Progress::IsDone) => End::Done([&received[..], rest].concat()),
            Err(flaw) => End::Flaw(format!("{flaw:?}")),
        };
    }
    (into.to_vec(), end)
}

fn read(bytes: impl AsRef<[u8]>) -> (Vec<u8>, End) {
    let bytes = bytes.as_ref();
    read_cut(bytes, &[bytes.len() + 1])
}

#[test]
fn chunks_become_one_body_and_what_follows_is_left() {
    for text in [
        "0\r\n\r\n",
        "4\r\nbody\r\n0\r\n\r\n",
        "2\r\nbo\r\n02\r\ndy\r\n000\r\n\r\n",
        "4;a=b;c=\"d e\"\r\nbody\r\n0;last\r\n\r\n",
        "4 \t;\tx\r\nbody\r\n0\r\n\r\n",
        "4\r\nbody\r\n0\r\nA: b\r\n c\r\nno field\r\n\r\n",
        "a\r\n0123456789\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n0\r\n\r\n",
    ] {
        let (body, end) = read(format!("{text}HTTP"));
        assert_eq!(end, End::Done(b"HTTP".to_vec()), "{text:?}");
        let expected = ["", "body", "0123456789"];
        assert!(expected.iter().any(|it| it.as_bytes() == body), "{text:?}");
    }
}

#[test]
fn what_is_no_chunk_is_refused_and_what_came_before_is_kept() {
    for text in [
        // There is no size, or none that can be.
        "\r\n",
        "\n",
        ";a\r\n",
        " 4\r\n",
        "+4\r\n",
        "-4\r\n",
        "0x4\r\n",
        "4g\r\n",
        "4 4\r\n",
        "fffffffffffffffff\r\n",
        "10000000000000004\r\n",
        // A line end that others may not see, or see elsewhere.
        "4\nbody\r\n",
        "4;a\nb\r\nbody\r\n",
        "4;a\rb\r\nbody\r\n",
        "4;a\0\r\nbody\r\n",
        "4\r\rbody\r\n",
        // It is longer than it says.
        "4\r\nbody!\r\n",
        "4\r\nbody\n0\r\n\r\n",
        "4\r\nbody\r0\r\n\r\n",
        // Behind the last one.
        "0\r\n\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\r0\r\n\r\n",
        "0\r\nA: b\rc\r\n\r\n",
        "0\r\nA: \0\r\n\r\n",
    ] {
        let (body, end) = read(format!("3\r\nyes\r\n{text}"));
        assert!(
            matches!(&end, End::Flaw(why) if why.starts_with("Broken")),
            "{text:?} {end:?}"
        );
        assert!(body.starts_with(b"yes"), "{text:?}");
    }
}

#[test]
fn a_body_that_has_not_ended_goes_on() {
    let whole = "4;x\r\nbody\r\n0\r\nA: b\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]).1, End::Open, "{:?}", &whole[..end]);
    }
}

#[test]
fn lines_are_short_and_few() {
    let line = |length: usize| format!("0;{}\r\n\r\n", "x".repeat(length - "0;\r\n".len()));
    assert_eq!(read(line(LONGEST_LINE)).1, End::Done(Vec::new()));
    let end = read(line(LONGEST_LINE + 1)).1;
    assert!(matches!(end, End::Flaw(why) if why.contains("very long line")));
    let trailers = |count: usize| format!("0\r\n{}\r\n", "Abcd: efghijkl\r\n".repeat(count));
    assert_eq!(read(trailers(TRAILERS / 16 - 1)).1, End::Done(Vec::new()));
    for lines in [
        trailers(TRAILERS / 16),
        format!("0\r\n{}", "x".repeat(TRAILERS)),
    ] {
        let end = read(lines).1;
        assert!(matches!(end, End::Flaw(why) if why.contains("far too much")));
    }
}

#[test]
fn a_body_that_is_too_large_is_kept_up_to_the_limit() {
    let fits = format!("{LIMIT:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(LIMIT));
    assert_eq!(read(&fits), (vec![b'x'; LIMIT], End::Done(Vec::new())));
    for text in [
        format!("{:x}\r\n{}", LIMIT + 1, "x".repeat(LIMIT + 1)),
        format!("ffffffffffffffff\r\n{}", "x".repeat(3 * LIMIT)),
        format!("1\r\nx\r\n{LIMIT:x}\r\n{}", "x".repeat(LIMIT)),
    ] {
        let (body, flaw) = read(&text);
        assert_eq!(
            (body.len(), flaw),
            (LIMIT, End::Flaw(format!("TooLarge({LIMIT})")))
        );
    }
    // Not by its word alone: what was sent of it is kept.
    assert_eq!(
        read("ffffffffffffffff\r\nabc"),
        (b"abc".to_vec(), End::Open)
    );
}

/// What `actix-http` makes of it, if it gets to the end.
fn by_actix(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    // It starts a task, which comes to nothing here.
    let aside = tokio::task::LocalSet::new();
    let _inside = aside.enter();
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut received = BytesMut::from(&[head, bytes].concat()[..]);
    let mut codec = ClientCodec::new(ServiceConfig::default());
    codec.decode(&mut received).ok()??;
    let mut codec = codec.into_payload_codec();
    let mut body = Vec::new();
    loop {
        match codec.decode(&mut received).ok()?? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Some((body, received.to_vec())),
        }
    }
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just("4\r\nbody\r\n"),
        Just("1;x=y\r\nb\r\n"),
        Just("0\r\n"),
        Just("0\r\n\r\n"),
        Just("A: b\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("7"),
        Just(";"),
        Just("3e8\r\n"),
    ];
    prop_oneof![
        6 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
        1 => (0..700_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(
        parts in vec(part(), 0..12),
        pieces in vec(1..40_usize, 1..5),
    ) {
        let bytes = parts.concat();
        prop_assert_eq!(read_cut(&bytes, &pieces), read(&bytes));
    }

    #[test]
    fn actix_reads_the_same_where_we_read_to_the_end(parts in vec(part(), 0..12)) {
        let bytes = parts.concat();
        if let (body, End::Done(rest)) = read(&bytes) {
            prop_assert_eq!(by_actix(&bytes), Some((body, rest)));
        }
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        let (body, _) = read(&bytes);
        prop_assert!(body.len() <= bytes.len());
        let _ = read([&b"8\r\n"[..], &bytes].concat());
    }
}
