//! Why there is no connection. No text holds a password.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::proxy::Proxy;

/// Addresses that an error names; further ones are counted.
const SHOWN: usize = 4;

/// A connection did not come about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The URL names no host that one could connect to.
    #[error("the address has no host")]
    NoHost,
    /// The lookup goes on, and the next attempt joins it.
    #[error("the name lookup of {host} took longer than {} s", limit.as_secs())]
    SlowLookup {
        /// The name.
        host: String,
        /// How long an attempt waits.
        limit: Duration,
    },
    /// The name service does not know the host, or failed.
    #[error("the name lookup of {host} failed: {reason}")]
    Lookup {
        /// The name.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// None of the addresses took a connection.
    #[error("no connection to {target}: {attempts}")]
    Unreachable {
        /// Host and port.
        target: String,
        /// The addresses, and what came of each.
        attempts: Attempts,
    },
    /// A variable of the environment names something that is not used as a proxy.
    #[error("{variable} cannot be used: {reason}")]
    BadProxy {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// There is no connection to the proxy.
    #[error("{proxy}: {error}")]
    Proxy {
        /// The proxy and the variable that names it.
        proxy: String,
        /// Why there is none.
        #[source]
        error: Box<NetError>,
    },
    /// The proxy answered and opened no tunnel.
    #[error("{proxy} opens no tunnel to {target}: it answers {status}{hint}")]
    Refused {
        /// The proxy and the variable that names it.
        proxy: String,
        /// Host and port.
        target: String,
        /// The status and its usual name.
        status: String,
        /// What can be done about it, after a semicolon.
        hint: String,
    },
    /// The proxy does not speak HTTP as it should, or not at all.
    #[error("{proxy} opens no tunnel to {target}: {reason}")]
    NoTunnel {
        /// The proxy and the variable that names it.
        proxy: String,
        /// Host and port.
        target: String,
        /// What it does.
        reason: String,
    },
}

impl NetError {
    /// The same for the way to a proxy.
    pub(super) fn at(self, proxy: &Proxy) -> Self {
        Self::Proxy {
            proxy: proxy.to_string(),
            error: Box::new(self),
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::SlowLookup { .. } => io::ErrorKind::TimedOut,
            Self::Unreachable { attempts, .. } => attempts.kind,
            Self::Proxy { error, .. } => error.kind(),
            _ => io::ErrorKind::Other,
        }
    }
}

impl From<NetError> for io::Error {
    fn from(error: NetError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// The addresses that were tried, and what came of each.
#[derive(Debug, Clone)]
pub struct Attempts {
    kind: io::ErrorKind,
    failed: Vec<(SocketAddr, String)>,
    /// How many were still waiting for their turn.
    untried: usize,
    /// An error that no address in particular has.
    lost: Option<String>,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self {
            kind: io::ErrorKind::Other,
            failed: Vec::new(),
            untried: 0,
            lost: None,
        }
    }

    /// A connection that was gone before it was used.
    pub(super) fn lost(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            lost: Some(error.to_string()),
            ..Self::new()
        }
    }

    /// Notes an address that refused, or could not be reached.
    pub(super) fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        self.kind = error.kind();
        self.failed.push((address, error.to_string()));
    }

    /// Notes the addresses that had not answered when the time was over.
    pub(super) fn ended(
        &mut self,
        limit: Duration,
        silent: impl IntoIterator<Item = SocketAddr>,
        untried: usize,
    ) {
        let reason = format!("no answer within {} s", limit.as_secs());
        for address in silent {
            self.failed.push((address, reason.clone()));
        }
        self.kind = io::ErrorKind::TimedOut;
        self.untried = untried;
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.lost {
            return f.write_str(reason);
        }
        if self.failed.is_empty() {
            return f.write_str("it has no addresses");
        }

        for (i, (address, reason)) in self.failed.iter().take(SHOWN).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{address} ({reason})")?;
        }

        let more = self.failed.len().saturating_sub(SHOWN);
        if more > 0 {
            write!(f, ", and {more} more")?;
        }
        if self.untried > 0 {
            write!(f, ", {} not tried", self.untried)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_four_addresses_are_named() {
        let mut attempts = Attempts::new();
        for last in 1..=6 {
            let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
            attempts.failed(SocketAddr::from(([10, 0, 0, last], 80)), &refused);
        }
        let text = attempts.to_string();
        assert!(text.starts_with("10.0.0.1:80 (refused), 10.0.0.2:80 (refused), "));
        assert!(
            text.ends_with("10.0.0.4:80 (refused), and 2 more"),
            "{text}"
        );
    }

    #[test]
    fn the_kind_of_an_error_is_that_of_its_last_attempt() {
        let mut attempts = Attempts::new();
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        attempts.failed(address, &io::ErrorKind::ConnectionRefused.into());
        let error = NetError::Unreachable {
            target: "a:80".to_owned(),
            attempts,
        };
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(
            error
                .to_string()
                .starts_with("no connection to a:80: 10.0.0.1:80")
        );
    }
}
