//! Answers, and how they become HTTP responses.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::dev::wire;

/// An answer before it is HTTP.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    body: Bytes,
    is_text: bool,
    retry_after: Option<u64>,
}

impl Reply {
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: body.into(),
            is_text: false,
            retry_after: None,
        }
    }

    pub(super) fn constant(body: &'static [u8]) -> Self {
        Self::json(200, Bytes::from_static(body))
    }

    pub(super) fn error(status: u16, text: &str) -> Self {
        Self::json(status, wire::error(text))
    }

    /// What the server's framework says by itself, in plain text.
    pub(super) fn text(status: u16, text: String) -> Self {
        Self {
            is_text: true,
            ..Self::json(status, text)
        }
    }

    pub(super) fn empty() -> Self {
        Self::json(204, Bytes::new())
    }

    pub(super) fn too_many(retry_after: Option<u64>) -> Self {
        Self {
            retry_after,
            ..Self::error(429, "Too Many Requests")
        }
    }

    /// The response; compressed when it is large and the client offers gzip.
    pub(super) fn into_response(self, request: &HttpRequest) -> HttpResponse {
        let (mut response, body) = self.head(request);
        if body.is_empty() {
            response.finish()
        } else {
            response.body(body)
        }
    }

    /// A response that announces more than it holds and breaks off.
    pub(super) fn into_cut_off(self, request: &HttpRequest) -> HttpResponse {
        let (mut response, body) = self.head(request);
        response.body(CutOff::of(&body))
    }

    fn head(self, request: &HttpRequest) -> (actix_web::HttpResponseBuilder, Bytes) {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        let mut body = self.body;
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if !body.is_empty() {
            let kind = if self.is_text {
                "text/plain"
            } else {
                "application/json"
            };
            response.content_type(format!("{kind}; charset=utf-8"));
        }
        if body.len() >= wire::COMPRESS_FROM && offers_gzip(request) {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            body = gzip(&body);
        }
        (response, body)
    }
}

fn offers_gzip(request: &HttpRequest) -> bool {
    let offered = request.headers().get_all(ACCEPT_ENCODING);
    // The word decides; quality values are not read.
    offered
        .into_iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("gzip")))
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder
        .write_all(body)
        .expect("writing to a vector cannot fail");
    encoder
        .finish()
        .expect("writing to a vector cannot fail")
        .into()
}

/// A body that ends in an error after half of what it announced.
struct CutOff {
    announced: u64,
    half: Bytes,
    has_paused: bool,
}

impl CutOff {
    fn of(body: &Bytes) -> Self {
        Self {
            announced: body.len().max(1) as u64,
            half: body.slice(..body.len() / 2),
            has_paused: false,
        }
    }
}

impl MessageBody for CutOff {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.announced)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if !self.half.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.half))));
        }
        if !self.has_paused {
            // An error drops what is not written yet: let the half go out first.
            self.has_paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::Error::other("cut off on purpose"))))
    }
}
