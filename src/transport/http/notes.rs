//! What the head of an answer says beside its status and its body. Most answers have
//! something of it and few are asked, so that it is kept as it came.

use std::time::{Duration, SystemTime};

use actix_http::header::HttpDate;

/// The longest silence a server can impose.
const LONGEST_SILENCE: Duration = Duration::from_hours(24);

/// The longest text of a date: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const DATE: usize = 33;

/// Of headers that come more than once, the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notes {
    retry_after: Option<Duration>,
    version: Option<Box<str>>,
    /// In place, as nearly every answer has one.
    date: [u8; DATE],
    /// Of the date. 0: there is none.
    length: u8,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            retry_after: None,
            version: None,
            date: [0; DATE],
            length: 0,
        }
    }
}

impl Notes {
    /// Of a header `Date`. What is too long for a date is none.
    pub(super) fn take_date(&mut self, value: &[u8]) {
        if self.length == 0
            && let Some(place) = self.date.get_mut(..value.len())
        {
            place.copy_from_slice(value);
            self.length = u8::try_from(value.len()).unwrap_or_default();
        }
    }

    /// Of a header `X-RXON-Version`.
    pub(super) fn take_version(&mut self, value: &[u8]) {
        if self.version.is_none() {
            self.version = visible(value).map(Box::from);
        }
    }

    /// Of a header `Retry-After`, if it says so in a way that means something.
    pub(super) fn take_retry_after(&mut self, value: &[u8]) {
        if self.retry_after.is_none() {
            self.retry_after = visible(value).and_then(|text| wait_of(text, SystemTime::now()));
        }
    }

    /// How long to be silent.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The protocol that the server says it speaks.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When the server made the answer, by its own clock; whole seconds.
    pub(super) fn date(&self) -> Option<SystemTime> {
        let text = visible(&self.date[..usize::from(self.length)])?;
        Some(text.parse::<HttpDate>().ok()?.into())
    }
}

/// The text, if it is one that anybody can read.
fn visible(value: &[u8]) -> Option<&str> {
    let is_visible = |byte: &u8| *byte == b'\t' || (0x20..0x7f).contains(byte);
    let text = value.trim_ascii();
    text.iter().all(is_visible).then_some(())?;
    std::str::from_utf8(text).ok()
}

fn wait_of(text: &str, now: SystemTime) -> Option<Duration> {
    let wait = if let Ok(seconds) = text.parse::<f64>() {
        // Too large for a Duration is still "very long".
        if seconds.is_nan() || seconds <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_SILENCE)
    } else {
        let until: SystemTime = text.parse::<HttpDate>().ok()?.into();
        until.duration_since(now).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(LONGEST_SILENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const THEN: Duration = Duration::from_secs(784_111_777);

    fn wait_of(text: &str) -> Option<Duration> {
        super::wait_of(text, SystemTime::UNIX_EPOCH + THEN)
    }

    #[test]
    fn retry_after_means_something_or_is_not_there() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(wait_of("17"), seconds(17));
        assert_eq!(wait_of("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:50:37 GMT"), seconds(60));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:49:36 GMT"), None);
        for text in ["0", "-5", "soon", "", "NaN", "1e-30"] {
            assert_eq!(wait_of(text), None, "{text:?}");
        }
        for text in ["999999999", "1e300", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(wait_of(text), Some(LONGEST_SILENCE), "{text:?}");
        }
    }

    #[test]
    fn the_date_of_the_server_is_there_if_it_is_one() {
        let date = |text: &str| {
            let mut notes = Notes::default();
            notes.take_date(text.as_bytes());
            notes.date()
        };
        let then = Some(SystemTime::UNIX_EPOCH + THEN);
        // All three forms are to be read (RFC 9110, section 5.6.7).
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), then);
        assert_eq!(date("Sunday, 06-Nov-94 08:49:37 GMT"), then);
        assert_eq!(date("Sun Nov  6 08:49:37 1994"), then);
        let long = "1".repeat(300);
        for text in ["yesterday", "", "S\u{fc}n, 06 Nov 1994 08:49:37 GMT", &long] {
            assert_eq!(date(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        let mut notes = Notes::default();
        for value in [&b"1.0b17"[..], b"1.0b2"] {
            notes.take_version(value);
        }
        notes.take_retry_after(b"2");
        notes.take_retry_after(b"3");
        assert_eq!(notes.version(), Some("1.0b17"));
        assert_eq!(notes.retry_after(), Some(Duration::from_secs(2)));
        notes.take_date(b"Sun, 06 Nov 1994 08:49:37 GMT");
        notes.take_date(b"Mon, 07 Nov 1994 08:49:37 GMT");
        assert_eq!(notes.date(), Some(SystemTime::UNIX_EPOCH + THEN));
    }

    #[test]
    fn a_version_that_cannot_be_read_is_none() {
        let mut notes = Notes::default();
        notes.take_version(b"\xff1.0b2");
        assert_eq!(notes.version(), None);
    }
}
