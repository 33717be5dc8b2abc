//! The host and port that a connection is for.

use actix_http::Uri;
use actix_tls::connect::Host;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Target {
    /// The target of a URI. `None`: it has no host, or no port and a scheme without one.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let host = uri.host().filter(|host| !host.is_empty())?;
        Some(Self {
            is_secure: matches!(uri.scheme_str(), Some("https" | "wss")),
            host: without_brackets(host).to_ascii_lowercase(),
            port: Host::port(uri)?,
        })
    }

    /// Whether TLS goes over the connection.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host in lower case, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, with the brackets of an IPv6 address.
    pub(super) fn authority(&self) -> String {
        authority(&self.host, self.port)
    }
}

/// `host:port`, with the brackets of an IPv6 address.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

pub(super) fn without_brackets(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_port_of_its_address_or_the_usual_one() {
        for (uri, authority, is_secure) in [
            ("http://A", "a:80", false),
            ("ws://a/x?y", "a:80", false),
            ("https://a", "a:443", true),
            ("wss://a:8443/ws", "a:8443", true),
            ("http://[::1]:9", "[::1]:9", false),
            ("https://[FE80::1]", "[fe80::1]:443", true),
        ] {
            let target = Target::of(&uri.parse().unwrap()).unwrap();
            assert_eq!(target.authority(), authority, "{uri}");
            assert_eq!(target.is_secure(), is_secure, "{uri}");
        }
        for uri in ["/path", "foo://a", "*"] {
            assert_eq!(Target::of(&uri.parse().unwrap()), None, "{uri}");
        }
    }
}
