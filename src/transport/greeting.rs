//! What any answer of a server shows, whatever was asked.

use std::time::SystemTime;

/// The answer to a request that says nothing and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Greeting {
    /// Its HTTP status.
    pub status: u16,
    /// The server's clock, in whole seconds, if it tells.
    pub date: Option<SystemTime>,
    /// The version of RXON that it says it speaks, if it does.
    pub version: Option<String>,
}

impl Greeting {
    /// An answer of which nothing but the status is known.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            date: None,
            version: None,
        }
    }
}

impl From<&super::http::Response> for Greeting {
    fn from(answer: &super::http::Response) -> Self {
        Self {
            status: answer.status.as_u16(),
            date: answer.date(),
            version: answer.protocol().map(str::to_owned),
        }
    }
}
