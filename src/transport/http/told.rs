//! What the headers of an answer say, taken one by one, and what follows for its body and
//! its connection (RFC 9112, sections 6.3 and 9.3).

use actix_http::StatusCode;

use super::head::{BadHead, Head, Length, Upgrade};
use super::notes::Notes;
use super::unpack::Packing;

/// What was told so far.
pub(super) struct Told {
    status: StatusCode,
    /// HTTP/1.0
    is_old: bool,
    length: Option<usize>,
    coding: Option<Coding>,
    connection: Options,
    packing: Packing,
    notes: Notes,
    upgrade: Option<Box<Upgrade>>,
}

/// What `Connection` asks for, by all headers of that name.
#[derive(Default)]
struct Options {
    closes: bool,
    stays: bool,
    switches: bool,
}

/// How the body is written, by `Transfer-Encoding`.
#[derive(PartialEq, Eq)]
enum Coding {
    Chunked,
    /// As it is. The word belongs to an older HTTP and says nothing.
    Plain,
    /// In a way that nobody asked for, up to the end.
    Foreign,
}

impl Told {
    /// `version` is the second number of `HTTP/1.0` or `HTTP/1.1`.
    pub(super) fn new(status: StatusCode, version: Option<u8>) -> Self {
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        Self {
            status,
            is_old: version == Some(0),
            length: None,
            coding: None,
            connection: Options::default(),
            packing: Packing::None,
            notes: Notes::default(),
            upgrade: switches.then(Box::default),
        }
    }

    pub(super) fn take(&mut self, name: &str, value: &[u8]) -> Result<(), BadHead> {
        // Comparing texts begins with their lengths, which tell most of them apart.
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let value = value.trim_ascii();
        if is("content-length") {
            self.take_length(value)?;
        } else if is("date") {
            self.notes.take_date(value);
        } else if is("connection") {
            self.take_connection(value);
        } else if is("transfer-encoding") {
            self.take_coding(value)?;
        } else if is("content-encoding") {
            self.packing.take(value);
        } else if is("retry-after") {
            self.notes.take_retry_after(value);
        } else if is("x-rxon-version") {
            self.notes.take_version(value);
        } else if let Some(upgrade) = &mut self.upgrade {
            if is("upgrade") && upgrade.protocol.is_empty() {
                upgrade.protocol.extend_from_slice(value);
            } else if is("sec-websocket-accept") && upgrade.accept.is_empty() {
                upgrade.accept.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// Two of them, equal or not, come from servers or proxies that do not agree on where
    /// an answer ends (RFC 9112, section 6.3, item 5).
    fn take_length(&mut self, value: &[u8]) -> Result<(), BadHead> {
        if self.length.is_some() || value.is_empty() {
            return Err(BadHead::Length);
        }
        let mut length: usize = 0;
        for byte in value {
            let digit = byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
            let longer = length.checked_mul(10).zip(digit);
            let longer = longer.and_then(|(tens, digit)| tens.checked_add(digit));
            length = longer.ok_or(BadHead::Length)?;
        }
        self.length = Some(length);
        Ok(())
    }

    /// RFC 9112, section 6.1.
    fn take_coding(&mut self, value: &[u8]) -> Result<(), BadHead> {
        // HTTP/1.0 has no codings: something on the way did not understand what it passed on.
        if self.is_old || self.coding.is_some() {
            return Err(BadHead::Coding);
        }
        self.coding = Some(if value.eq_ignore_ascii_case(b"chunked") {
            Coding::Chunked
        } else {
            self.take_codings(value)?
        });
        Ok(())
    }

    #[cold]
    fn take_codings(&mut self, value: &[u8]) -> Result<Coding, BadHead> {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        let codings = value.split(',').map(str::trim).filter(|it| !it.is_empty());
        let mut codings: Vec<&str> = codings.collect();
        let is_chunked = codings.last() == Some(&"chunked");
        if is_chunked {
            codings.pop();
        } else if codings.is_empty() {
            return Err(BadHead::Coding);
        }
        // No more than once, and last: what comes after it would hide where the body ends.
        if codings.contains(&"chunked") {
            return Err(BadHead::Coding);
        }
        let foreign = codings.iter().find(|it| **it != "identity");
        if let Some(foreign) = foreign {
            self.packing = Packing::other(foreign);
        }
        Ok(match foreign {
            _ if is_chunked => Coding::Chunked,
            Some(_) => Coding::Foreign,
            None => Coding::Plain,
        })
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            self.connection.closes |= option.eq_ignore_ascii_case(b"close");
            self.connection.stays |= option.eq_ignore_ascii_case(b"keep-alive");
            self.connection.switches |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// What it comes to.
    pub(super) fn head(self) -> Head {
        let length = self.body_ends();
        let upgrade = self.upgrade.map(|upgrade| {
            let is_announced = self.connection.switches && !self.connection.closes;
            Box::new(Upgrade {
                is_announced,
                ..*upgrade
            })
        });
        // RFC 9112, section 9.3: what HTTP/1.1 does unless told, HTTP/1.0 does if told.
        let says_so = !self.connection.closes
            && !self.connection.switches
            && (self.connection.stays || !self.is_old);
        // Two lengths are an answer for two readers (section 6.3, item 3); `identity` is
        // understood by few.
        let is_doubtful = match self.coding {
            None => false,
            Some(Coding::Chunked) => self.length.is_some(),
            Some(_) => true,
        };
        // What comes behind such an answer may be a body after all.
        let is_odd = match self.status {
            StatusCode::NO_CONTENT => self.length.unwrap_or(0) > 0 || self.coding.is_some(),
            StatusCode::SWITCHING_PROTOCOLS => true,
            _ => false,
        };
        let ends = length == Length::ToTheEnd;
        Head {
            status: self.status,
            length,
            stays_open: says_so && !is_doubtful && !is_odd && !ends,
            packing: self.packing,
            notes: self.notes,
            upgrade,
        }
    }

    /// RFC 9112, section 6.3, for answers to requests that are none of `HEAD` and
    /// `CONNECT`, in its order.
    fn body_ends(&self) -> Length {
        match (self.status, &self.coding, self.length) {
            // Whatever its headers claim.
            (
                StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED,
                ..,
            ) => Length::Exactly(0),
            (_, Some(Coding::Chunked), _) => Length::Chunked,
            (_, Some(Coding::Foreign), _) | (.., None) => Length::ToTheEnd,
            (.., Some(length)) => Length::Exactly(length),
        }
    }
}
