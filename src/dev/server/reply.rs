//! Answers, and how they become HTTP responses.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, Date, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::dev::quirks::Compression;
use crate::dev::{Dialect, wire};

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

    /// The text of [`Reply::error`].
    pub(super) fn text_of_error(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
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

    pub(super) fn too_many(retry_after: Option<u64>, dialect: Dialect) -> Self {
        let reply = match dialect {
            Dialect::V1_0b2 => Self::error(429, "Too Many Requests"),
            Dialect::V1_0b17 => Self::json(429, wire::v1_0b17::too_many()),
        };
        Self {
            retry_after,
            ..reply
        }
    }

    /// The response; compressed when it is large and the client offers it.
    pub(super) fn into_response(self, request: &HttpRequest, dress: &Dress) -> HttpResponse {
        let (mut response, body) = self.head(request, dress);
        if body.is_empty() {
            response.finish()
        } else {
            response.body(body)
        }
    }

    /// A response that announces more than it holds and breaks off.
    pub(super) fn into_cut_off(self, request: &HttpRequest, dress: &Dress) -> HttpResponse {
        let (mut response, body) = self.head(request, dress);
        response.body(CutOff::of(&body))
    }

    fn head(self, request: &HttpRequest, dress: &Dress) -> (actix_web::HttpResponseBuilder, Bytes) {
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
        if dress.clock_offset != 0 {
            let now = SystemTime::now();
            let offset = Duration::from_secs(dress.clock_offset.unsigned_abs());
            let shifted = match dress.clock_offset {
                ..0 => now.checked_sub(offset),
                _ => now.checked_add(offset),
            };
            response.insert_header(Date(shifted.unwrap_or(now).into()));
        }
        let encoding = dress.encoding(request, body.len());
        if let Some(encoding) = encoding {
            response.insert_header((CONTENT_ENCODING, encoding));
            body = match encoding {
                "zstd" => compress_to_vec(&*body, CompressionLevel::Fastest).into(),
                _ => gzip(&body),
            };
        } else if dress.dialect.is_1_0b17() && !self.is_text {
            // Compressing makes a new response there, which loses this one.
            response.insert_header((wire::VERSION_HEADER, dress.dialect.version()));
        }
        (response, body)
    }
}

/// What all answers have in common.
#[derive(Debug)]
pub(super) struct Dress {
    pub(super) dialect: Dialect,
    pub(super) compression: Compression,
    pub(super) compress_small: bool,
    pub(super) clock_offset: i64,
}

impl Dress {
    fn encoding(&self, request: &HttpRequest, length: usize) -> Option<&'static str> {
        let is_large = length >= wire::COMPRESS_FROM || self.compress_small;
        if length == 0 || !is_large {
            return None;
        }
        let allowed: &[&str] = match (self.compression, self.dialect) {
            (Compression::AsOffered, Dialect::V1_0b17) => &["zstd", "gzip"],
            (Compression::AsOffered, Dialect::V1_0b2) | (Compression::Gzip, _) => &["gzip"],
            (Compression::Zstd, _) => &["zstd"],
            (Compression::Off, _) => &[],
        };
        allowed.iter().copied().find(|word| offers(request, word))
    }
}

fn offers(request: &HttpRequest, encoding: &str) -> bool {
    let offered = request.headers().get_all(ACCEPT_ENCODING);
    // The word decides; quality values are not read.
    offered
        .into_iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains(encoding)))
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(
        Vec::with_capacity(body.len() / 2),
        flate2::Compression::fast(),
    );
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
