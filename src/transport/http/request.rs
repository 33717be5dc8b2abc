//! Requests as they are written. What is the same each time is written once.

use actix_http::Method;
use actix_http::header::{HeaderName, HeaderValue};
use bytes::{BufMut, Bytes, BytesMut};

/// A request that can be sent many times, with different bodies and tokens. It may hold
/// secrets, so it cannot be shown.
#[derive(Clone)]
pub(crate) struct Request {
    /// The first line and headers, without the empty line at the end.
    head: Bytes,
    has_body: bool,
}

impl Request {
    /// `target` is a path, perhaps with a query, that needs no escapes.
    pub(super) fn new<'a>(
        method: &Method,
        target: &str,
        host: &str,
        headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    ) -> Self {
        let mut head = BytesMut::new();
        for part in [method.as_str(), " ", target, " HTTP/1.1\r\nhost: ", host] {
            head.extend_from_slice(part.as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            write_line(&mut head, name, value);
        }
        Self {
            head: head.freeze(),
            has_body: takes_body(method),
        }
    }

    /// Writes all of it but the body itself. `token` is a whole line, or nothing.
    pub(super) fn write(&self, token: &[u8], body: Option<usize>, into: &mut BytesMut) {
        // The name, the largest number, and line ends.
        into.reserve(self.head.len() + token.len() + 64);
        into.extend_from_slice(&self.head);
        into.extend_from_slice(token);
        // Without it, a server would have to know that there is no body.
        if let Some(length) = body.or(self.has_body.then_some(0)) {
            into.extend_from_slice(b"content-length: ");
            write_number(into, length);
            into.extend_from_slice(b"\r\n");
        }
        into.extend_from_slice(b"\r\n");
    }
}

/// Whether a request of this kind carries something.
pub(super) fn takes_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH)
}

/// A header as it travels. Names and values have been checked by their types: there is
/// no line end in them.
pub(super) fn write_line(into: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    into.extend_from_slice(name.as_str().as_bytes());
    into.extend_from_slice(b": ");
    into.extend_from_slice(value.as_bytes());
    into.extend_from_slice(b"\r\n");
}

fn write_number(into: &mut BytesMut, number: usize) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    into.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &Method, body: Option<usize>) -> String {
        let header = (
            HeaderName::from_static("x-rxon-version"),
            HeaderValue::from_static("1.0b2"),
        );
        let headers = std::iter::once((&header.0, &header.1));
        let request = Request::new(method, "/a/b?c=d", "host:1", headers);
        let mut into = BytesMut::new();
        request.write(b"x-worker-token: t\r\n", body, &mut into);
        String::from_utf8(into.to_vec()).unwrap()
    }

    #[test]
    fn a_request_is_written_as_it_travels() {
        assert_eq!(
            written(&Method::GET, None),
            "GET /a/b?c=d HTTP/1.1\r\nhost: host:1\r\nx-rxon-version: 1.0b2\r\n\
             x-worker-token: t\r\n\r\n"
        );
        assert!(written(&Method::POST, Some(17)).ends_with("\r\ncontent-length: 17\r\n\r\n"));
    }

    #[test]
    fn one_that_could_have_a_body_says_that_it_has_none() {
        for method in [Method::POST, Method::PATCH] {
            assert!(written(&method, None).ends_with("\r\ncontent-length: 0\r\n\r\n"));
        }
    }

    #[test]
    fn numbers_are_written_as_digits() {
        for number in [0, 7, 10, 1_234_567, usize::MAX] {
            let mut into = BytesMut::new();
            write_number(&mut into, number);
            assert_eq!(&into[..], number.to_string().as_bytes());
        }
    }
}
