//! What came back: status, body, and what is wrong with the body.

use std::time::{Duration, SystemTime};

use actix_http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;

use super::head::Head;
use super::notes::Notes;
use super::secrets::Secrets;
use crate::transport::TransportError;

/// The longest error text that is passed on, in characters.
const ERROR_TEXT: usize = 200;

/// An answer with any status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// As much of the body as arrived.
    pub(crate) body: Bytes,
    /// Rare, and larger than the rest.
    flaw: Option<Box<Flaw>>,
    notes: Notes,
    /// Size of our request, for the error that says it was too large.
    sent: usize,
}

/// Why a body is not whole.
#[derive(Debug)]
pub(super) enum Flaw {
    CutOff {
        got: usize,
        want: usize,
    },
    TooLarge(usize),
    Late(Duration),
    Broken(String),
    /// Packed in a way that we did not offer.
    Foreign(String),
}

impl Answer {
    /// `sent` is the size of the request.
    pub(super) fn new(head: Head, sent: usize, body: Bytes, flaw: Option<Flaw>) -> Self {
        Self {
            status: head.status,
            body,
            flaw: flaw.map(Box::new),
            notes: head.notes,
            sent,
        }
    }

    /// An answer of which nothing but the status is known.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self {
            status,
            body: Bytes::new(),
            flaw: None,
            notes: Notes::default(),
            sent: 0,
        }
    }

    /// When the server made this answer, by its own clock; whole seconds.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        self.notes.date()
    }

    /// The protocol that the server says it speaks, if it says so.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.notes.version()
    }

    /// What keeps the body from being read as a whole.
    pub(crate) fn flaw(&self) -> Option<String> {
        let text = match self.flaw.as_deref()? {
            Flaw::CutOff { got, want } => {
                format!("the body was cut off after {got} of {want} bytes")
            }
            Flaw::TooLarge(limit) => format!("the body is larger than {limit} bytes"),
            Flaw::Late(within) => format!("the body did not end within {within:?}"),
            Flaw::Broken(why) => format!("the body broke off: {why}"),
            Flaw::Foreign(packing) => {
                format!("the body has the encoding {packing:?}, which was not asked for")
            }
        };
        Some(text)
    }

    /// Whether the way is to blame for the flaw, if there is one: the same answer
    /// may be whole the next time.
    pub(crate) fn broke_off(&self) -> bool {
        matches!(
            self.flaw.as_deref(),
            Some(Flaw::CutOff { .. } | Flaw::Late(_) | Flaw::Broken(_))
        )
    }

    /// The body, if all of it arrived.
    pub(crate) fn whole(self) -> Result<Bytes, TransportError> {
        match self.flaw() {
            None => Ok(self.body),
            Some(reason) if self.broke_off() => Err(TransportError::NoAnswer { reason }),
            Some(reason) => Err(TransportError::Malformed { reason, task: None }),
        }
    }

    /// What a status other than success means for the caller.
    pub(super) fn as_error(&self, secrets: &Secrets) -> TransportError {
        let reason = || self.reason(secrets);
        match self.status.as_u16() {
            401 | 403 => TransportError::Unauthorized { reason: reason() },
            413 => TransportError::TooLarge { size: self.sent },
            429 => TransportError::RateLimited {
                retry_after: self.notes.retry_after(),
            },
            500 => TransportError::Faulted { reason: reason() },
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

    /// The error for an answer whose text says that repeating is pointless.
    pub(crate) fn as_refusal(&self, text: &str) -> TransportError {
        TransportError::Refused {
            reason: format!("status {}: {text}", self.status.as_u16()),
        }
    }

    fn reason(&self, secrets: &Secrets) -> String {
        let status = self.status.as_u16();
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
        let text = secrets.hide(text);
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = text.chars().map(printable).take(ERROR_TEXT).collect();
        text.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use actix_http::header;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            body: Bytes::from_static(body.as_bytes()),
            sent: 7,
            ..Answer::of_status(StatusCode::from_u16(status).unwrap())
        }
    }

    #[test]
    fn the_text_of_an_error_is_short_and_without_the_token() {
        let text = answer(500, r#"{"error": "no t0ken here: t0ken\n!"}"#)
            .error_text(&Secrets::new(header::AUTHORIZATION, "t0ken".into()));
        assert_eq!(text, "no [REDACTED] here: [REDACTED] !");
        let long: &'static str = "ü".repeat(5000).leak();
        assert_eq!(
            answer(500, long)
                .error_text(&Secrets::none())
                .chars()
                .count(),
            ERROR_TEXT
        );
        assert_eq!(answer(500, "").reason(&Secrets::none()), "status 500");
    }

    #[test]
    fn statuses_tell_the_caller_what_to_do_next() {
        use TransportError as E;
        let error = |status| answer(status, r#"{"error":"e"}"#).as_error(&Secrets::none());
        assert!(matches!(error(401), E::Unauthorized { .. }));
        assert!(matches!(error(403), E::Unauthorized { .. }));
        assert_eq!(error(413), E::TooLarge { size: 7 });
        assert_eq!(error(429), E::RateLimited { retry_after: None });
        assert!(matches!(error(500), E::Faulted { .. }));
        for status in [302, 404, 405, 408, 502, 599] {
            assert!(matches!(error(status), E::Unavailable { .. }), "{status}");
        }
        for status in [400, 409, 422] {
            assert!(matches!(error(status), E::Refused { .. }), "{status}");
        }
        assert!(matches!(error(101), E::Malformed { .. }));
    }
}
