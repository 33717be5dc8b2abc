//! Answers cut into pieces, cut off, and made of anything.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::super::connect::Stream;
use super::super::connection::Connection;
use super::*;

const LIMIT: usize = 4000;

/// How a server says where the body ends.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunks(usize),
    Close,
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Length),
        (1..700_usize).prop_map(Framing::Chunks),
        Just(Framing::Close),
    ]
}

fn written(body: &[u8], framing: Framing) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
    match framing {
        Framing::Length => {
            answer.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
            answer.extend(body);
        }
        Framing::Chunks(size) => {
            answer.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(size) {
                answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
                answer.extend(chunk);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
        }
        Framing::Close => {
            answer.extend(b"connection: close\r\n\r\n");
            answer.extend(body);
        }
    }
    answer
}

/// What comes of an answer that is sent in pieces of these lengths, in turn.
fn read(answer: &[u8], pieces: &[usize]) -> Option<(Bytes, Option<Flaw>)> {
    actix_rt::System::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let say = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut rest, mut lengths) = (answer, pieces.iter().cycle());
            while !rest.is_empty() {
                let length = lengths.next().map_or(rest.len(), |&length| length);
                let (piece, more) = rest.split_at(length.min(rest.len()));
                // The other side may have heard enough.
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                rest = more;
                tokio::task::yield_now().await;
            }
            let _ = stream.shutdown().await;
        };
        let hear = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut connection = Connection::new(Stream::plain(stream));
            let head = connection.ask(&b"GET / HTTP/1.1\r\n\r\n"[..]).await.ok()?;
            let mut body = BytesMut::new();
            let flaw = connection.read_body(head.length, LIMIT, &mut body).await;
            Some((body.freeze(), flaw))
        };
        tokio::join!(say, hear).1
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_body_is_the_same_however_it_is_framed_and_cut(
        body in vec(any::<u8>(), 0..LIMIT),
        framing in framing(),
        pieces in vec(1..3000_usize, 1..5),
    ) {
        let (read, flaw) = read(&written(&body, framing), &pieces).expect("there is a head");
        prop_assert!(flaw.is_none(), "{flaw:?}");
        prop_assert_eq!(&read[..], &body[..]);
    }

    #[test]
    fn one_that_was_cut_off_is_never_taken_for_a_whole_one(
        body in vec(any::<u8>(), 1..LIMIT),
        chunks in proptest::option::of(1..700_usize),
        cut in 1..200_usize,
    ) {
        let framing = chunks.map_or(Framing::Length, Framing::Chunks);
        let answer = written(&body, framing);
        let cut = &answer[..answer.len() - cut.min(body.len())];
        // Cut inside its head, it is no answer.
        if let Some((read, flaw)) = read(cut, &[500]) {
            prop_assert!(flaw.is_some());
            prop_assert!(body.starts_with(&read));
        }
    }

    #[test]
    fn one_that_is_too_large_is_not_read_to_its_end(
        more in 1..LIMIT,
        framing in framing(),
    ) {
        let body = vec![b'x'; LIMIT + more];
        let (read, flaw) = read(&written(&body, framing), &[1000]).expect("there is a head");
        prop_assert!(matches!(flaw, Some(Flaw::TooLarge(LIMIT))), "{flaw:?}");
        prop_assert!(!read.is_empty(), "the ids of a task may be in it");
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(
        start in prop_oneof![
            Just(&b""[..]),
            Just(&b"HTTP/1.1 200 OK\r\n"[..]),
            Just(&b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..]),
            Just(&b"HTTP/1.0 204 OK\r\ncontent-length: 18446744073709551615\r\n\r\n"[..]),
        ],
        rest in vec(any::<u8>(), 0..300),
    ) {
        let read = read(&[start, &rest[..]].concat(), &[7, 100]);
        if let Some((body, _)) = read {
            prop_assert!(body.len() <= LIMIT + 300);
        }
    }
}
