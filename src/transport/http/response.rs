//! What came back: status, body, and what is wrong with the body.

use std::time::{Duration, SystemTime};

use actix_http::header::HttpDate;
use awc::http::StatusCode;
use awc::http::header::{self, HeaderMap, HeaderName};
use bytes::Bytes;
use serde::Deserialize;

use super::body::BodyError;
use super::secrets::Secrets;
use crate::transport::TransportError;

const RXON_VERSION: HeaderName = HeaderName::from_static("x-rxon-version");

/// The longest error text that is passed on, in characters.
const ERROR_TEXT: usize = 200;

/// The longest silence that a rate limit can impose.
const LONGEST_SILENCE: Duration = Duration::from_hours(24);

/// The same of a server that is out of service: one that is back sooner is to be found.
const LONGEST_OUTAGE: Duration = Duration::from_mins(5);

/// A response with any status.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// As much of the body as arrived.
    pub(crate) body: Bytes,
    body_error: Option<BodyError>,
    headers: HeaderMap,
    /// Size of our request, for the error that says it was too large.
    sent: usize,
}

impl Response {
    /// A response whose body has not been read. `sent` is the size of the request.
    pub(super) fn new(status: StatusCode, headers: HeaderMap, sent: usize) -> Self {
        Self {
            status,
            body: Bytes::new(),
            body_error: None,
            headers,
            sent,
        }
    }

    pub(super) fn with_body(mut self, body: Bytes, body_error: Option<BodyError>) -> Self {
        (self.body, self.body_error) = (body, body_error);
        self
    }

    /// A response of which nothing but the status is known.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self::new(status, HeaderMap::new(), 0)
    }

    /// Returns when the server made this response, by its own clock; whole seconds.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        let date: HttpDate = self.header(&header::DATE)?.parse().ok()?;
        Some(date.into())
    }

    /// Returns the protocol that the server says it speaks, if it says so.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.header(&RXON_VERSION)
    }

    /// Returns the first header of this name, if it is readable.
    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns what keeps the body from being read as a whole.
    pub(crate) fn body_error(&self) -> Option<&BodyError> {
        self.body_error.as_ref()
    }

    /// Returns the body, if all of it arrived.
    pub(crate) fn whole(self) -> Result<Bytes, TransportError> {
        let Some(error) = self.body_error else {
            return Ok(self.body);
        };
        let reason = error.to_string();
        Err(if error.broke_off() {
            TransportError::NoAnswer { reason }
        } else {
            TransportError::Malformed { reason, task: None }
        })
    }

    /// Returns what a status other than success means for the caller.
    pub(super) fn as_error(&self, secrets: &Secrets) -> TransportError {
        let reason = || self.reason(secrets);
        match self.status.as_u16() {
            401 | 403 => TransportError::Unauthorized { reason: reason() },
            413 => TransportError::TooLarge { size: self.sent },
            429 => TransportError::RateLimited {
                retry_after: self.retry_after(LONGEST_SILENCE),
            },
            500 => TransportError::Faulted { reason: reason() },
            503 => match self.retry_after(LONGEST_OUTAGE) {
                None => TransportError::Unavailable { reason: reason() },
                retry_after => TransportError::RateLimited { retry_after },
            },
            // 408 and 425 speak of this attempt, not of the request. Redirects, and
            // our own paths not found, come from something in between.
            300..=399 | 404 | 405 | 408 | 425 | 501..=599 => {
                TransportError::Unavailable { reason: reason() }
            }
            400..=499 => TransportError::Refused { reason: reason() },
            _ => TransportError::Malformed {
                reason: reason(),
                task: None,
            },
        }
    }

    /// Returns the error for a response whose text says that repeating is pointless.
    pub(crate) fn as_refusal(&self, text: &str) -> TransportError {
        TransportError::Refused {
            reason: format!("status {}: {text}", self.status.as_u16()),
        }
    }

    fn reason(&self, secrets: &Secrets) -> String {
        let status = self.status.as_u16();
        let target = self.status.is_redirection().then_some(&header::LOCATION);
        if let Some(target) = target.and_then(|name| self.header(name)) {
            let target = readable(without_secrets(target), secrets);
            return format!("status {status}: it redirects to {target}");
        }
        match self.error_text(secrets) {
            text if text.is_empty() => format!("status {status}"),
            text => format!("status {status}: {text}"),
        }
    }

    pub(super) fn error_text(&self, secrets: &Secrets) -> String {
        #[derive(Deserialize)]
        struct Wire {
            error: String,
        }
        let text = match serde_json::from_slice::<Wire>(&self.body) {
            // avtomatika 1.0b30 puts some of its errors into quotes once too often.
            Ok(wire) => match serde_json::from_str::<Wire>(&wire.error) {
                Ok(inner) => inner.error,
                Err(_) => wire.error,
            },
            // Some way into the body a plain text stops being an error message.
            Err(_) => String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]).into_owned(),
        };
        readable(text, secrets)
    }

    /// Returns how long to be silent, if the server says so in a way that means something.
    fn retry_after(&self, longest: Duration) -> Option<Duration> {
        let text = self.header(&header::RETRY_AFTER)?;
        wait_of(text, SystemTime::now(), longest)
    }
}

/// Returns a text as it may stand in a log.
fn readable(text: String, secrets: &Secrets) -> String {
    let text = secrets.hide(text);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(printable).take(ERROR_TEXT).collect();
    text.trim().to_owned()
}

/// Returns an address without user, password and query, which may hold secrets.
fn without_secrets(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let location = &location[..end];
    let Some((scheme, rest)) = location.split_once("//") else {
        return location.to_owned();
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}//{host}{path}")
}

fn wait_of(text: &str, now: SystemTime, longest: Duration) -> Option<Duration> {
    let wait = if let Ok(seconds) = text.parse::<f64>() {
        // Too large for a Duration is still "very long".
        if seconds.is_nan() || seconds <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(seconds).unwrap_or(longest)
    } else {
        let until: SystemTime = text.parse::<HttpDate>().ok()?.into();
        until.duration_since(now).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(longest))
}
