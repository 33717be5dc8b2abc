//! The head of a proxy's answer.

use proptest::prelude::*;

use crate::net::tunnel::{Head, NotHttp, read_head};

fn head(status: u16, length: usize) -> Result<Option<Head>, NotHttp> {
    Ok(Some(Head { status, length }))
}

#[test]
fn the_status_is_read_and_the_head_is_measured() {
    for (answer, status) in [
        ("HTTP/1.1 200 Connection established\r\n\r\n", 200),
        ("HTTP/1.0 200\r\n\r\n", 200),
        ("HTTP/1.1 200 \r\n\r\n", 200),
        ("HTTP/1.1 407 No\r\nA: b\r\nC: d\r\n\r\n", 407),
        ("HTTP/1.1 200 OK\n\n", 200),
        ("HTTP/1.1 101 What\r\n\r\n", 101),
        ("HTTP/1.1 999 \u{1b}[2J\r\nno header\r\n\r\n", 999),
    ] {
        let length = answer.len();
        assert_eq!(
            read_head(answer.as_bytes()),
            head(status, length),
            "{answer:?}"
        );
        let more = format!("{answer}more\r\n\r\n");
        assert_eq!(
            read_head(more.as_bytes()),
            head(status, length),
            "{answer:?}"
        );
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let answer =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(read_head(answer), head(200, answer.len()));
    assert_eq!(read_head(&answer[..25]), Ok(None));
}

#[test]
fn what_is_not_http_is_noticed_early() {
    for answer in [
        "SSH-2.0-x\r\n",
        "\x15\x03\x01",
        "h",
        "HTTP/2",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 000 OK\r\n",
        "HTTP/1.1 +20 OK\r\n",
        "HTTP/1.1200 OK\r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 \u{664}\u{664}\r\n",
    ] {
        assert_eq!(read_head(answer.as_bytes()), Err(NotHttp), "{answer:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_head(&bytes);
    }

    #[test]
    fn a_head_is_the_same_wherever_it_is_cut(
        status in 200_u16..1000,
        headers in prop::collection::vec("[A-Za-z-]{1,10}: ?[ -~]{0,20}", 0..5),
        after in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut answer = format!("HTTP/1.1 {status} Some text\r\n");
        for header in headers {
            answer.push_str(&header);
            answer.push_str("\r\n");
        }
        answer.push_str("\r\n");
        let length = answer.len();
        for cut in 0..length {
            prop_assert_eq!(read_head(&answer.as_bytes()[..cut]), Ok(None));
        }
        let mut bytes = answer.into_bytes();
        bytes.extend(after);
        prop_assert_eq!(read_head(&bytes), head(status, length));
    }
}
