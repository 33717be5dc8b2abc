//! Signatures: HMAC-SHA256 with a key that is derived from token, day and purpose.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::date::day_of;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The registration of a connection.
    Socket,
    /// An HTTP request.
    Request,
}

/// The scheme in the `Authorization` header.
const SCHEME: &str = "DISTWORKER1_HMAC_SHA256";

/// The header with the date of a signed request.
pub(crate) const DATE_HEADER: &str = "x-distworker-date";

/// The header with the hash of the body of a signed request, if it has one.
const CONTENT_HEADER: &str = "x-distworker-content-sha256";

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn date_key(token: &str, date: &str) -> [u8; 32] {
    hmac(
        format!("DISTWORKER1{token}").as_bytes(),
        day_of(date).as_bytes(),
    )
}

fn signing_key(token: &str, date: &str, purpose: Purpose) -> [u8; 32] {
    let purpose: &[u8] = match purpose {
        Purpose::Socket => b"distworker1_websocket",
        Purpose::Request => b"distworker1_request",
    };
    hmac(&date_key(token, date), purpose)
}

/// Signs `data`, which was written at `date`.
pub(crate) fn sign(token: &str, date: &str, purpose: Purpose, data: &[u8]) -> [u8; 32] {
    hmac(&signing_key(token, date, purpose), data)
}

/// An HTTP request as it is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Without escapes.
    pub(crate) path: &'a str,
    /// As it is sent.
    pub(crate) query: &'a str,
    /// All headers, names in lower case.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Names of those that are signed.
    pub(crate) signed: &'a [&'a str],
}

impl Request<'_> {
    fn value_of(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(of, _)| *of == name).map(|(_, v)| v.trim())
    }

    /// The text that is signed. The block of headers ends in an empty line.
    fn canonical(&self) -> String {
        let mut names = self.signed.to_vec();
        names.sort_unstable();
        let line = |name: &&str| Some([name, ":", self.value_of(name)?, "\n"].concat());
        let lines: String = names.iter().filter_map(line).collect();
        let method = self.method.to_ascii_uppercase();
        let content = self.value_of(CONTENT_HEADER).unwrap_or("UNSIGNED-PAYLOAD");
        [
            &method,
            self.path,
            self.query,
            &lines,
            &names.join(";"),
            content,
        ]
        .join("\n")
    }

    /// The signature, as lower-case hex. The headers hold the date.
    pub(crate) fn signature(&self, token: &str) -> String {
        let date = self.value_of(DATE_HEADER).unwrap_or_default();
        let signed = sign(token, date, Purpose::Request, self.canonical().as_bytes());
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        let hex = signed.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        hex.map(digit).collect()
    }

    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self, worker_id: &str, token: &str) -> String {
        let mut names = self.signed.to_vec();
        names.sort_unstable();
        let (names, signature) = (names.join(";"), self.signature(token));
        format!("{SCHEME} workerId={worker_id}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The parts of an `Authorization` header, in any order.
#[cfg(any(test, feature = "dev-orchestrator"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) worker_id: String,
    pub(crate) signed: Vec<String>,
    pub(crate) signature: String,
}

#[cfg(any(test, feature = "dev-orchestrator"))]
impl Authorization {
    /// Reads the header as the controller does, and says what it misses.
    pub(crate) fn read(header: &str) -> Result<Self, &'static str> {
        let parts = header
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or("invalid authorization header format")?;
        let part = |name: &str| {
            let mut parts = parts.split(", ").filter_map(|part| part.split_once('='));
            parts.find(|(of, _)| *of == name).map(|(_, value)| value)
        };
        let worker_id = part("workerId").ok_or("missing workerId in authorization header")?;
        let signed =
            part("SignedHeaders").ok_or("missing SignedHeaders in authorization header")?;
        let signature = part("Signature").ok_or("missing Signature in authorization header")?;
        Ok(Self {
            worker_id: worker_id.to_owned(),
            signed: signed.split(';').map(str::to_owned).collect(),
            signature: signature.to_owned(),
        })
    }
}

#[cfg(test)]
pub(super) fn keys_of(token: &str, date: &str) -> ([u8; 32], [u8; 32]) {
    (
        date_key(token, date),
        signing_key(token, date, Purpose::Socket),
    )
}
