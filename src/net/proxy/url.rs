//! A proxy as a variable names it.

use std::fmt;

use actix_http::Uri;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::config::percent_decoded;
use crate::net::target::{authority, without_brackets};

/// The port of a proxy whose URL has none, as curl has it.
const PORT: u16 = 1080;

/// An HTTP proxy. Its `Debug` and `Display` leave the password out.
#[derive(Debug, Clone)]
pub struct Proxy {
    variable: &'static str,
    host: String,
    port: u16,
    user_info: Option<UserInfo>,
}

#[derive(Debug, Clone)]
struct UserInfo {
    /// As the URL has it, percent-encoded.
    #[cfg(any(feature = "s3", feature = "otlp"))]
    encoded: SecretString,
    /// The value of the header.
    basic: SecretString,
}

impl Proxy {
    /// Reads the value of a variable. The reason of a refusal does not quote it, as it may
    /// hold a password.
    pub(super) fn parse(variable: &'static str, text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err("a proxy that is reached with https:// is not supported"),
            socks if socks.starts_with("socks") => {
                return Err("SOCKS proxies are not supported, only HTTP ones");
            }
            _ => return Err("it has to begin with http://"),
        }

        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user_info, host) = match rest.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, rest),
        };
        let user_info = user_info.filter(|it| !it.is_empty());
        let (host, port) = host_and_port(host).ok_or("it is not http://host:port")?;
        Ok(Self {
            variable,
            host,
            port,
            user_info: user_info.map(UserInfo::parse).transpose()?,
        })
    }

    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The variable of the environment that names this proxy.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// The value of `Proxy-Authorization`, a secret.
    pub(crate) fn authorization(&self) -> Option<&str> {
        Some(self.user_info.as_ref()?.basic.expose_secret())
    }

    /// The URL with user and password, a secret.
    #[cfg(any(feature = "s3", feature = "otlp"))]
    pub(crate) fn secret_url(&self) -> String {
        let authority = authority(&self.host, self.port);
        match &self.user_info {
            Some(user_info) => format!("http://{}@{authority}", user_info.encoded.expose_secret()),
            None => format!("http://{authority}"),
        }
    }
}

/// `proxy http://host:port (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = authority(&self.host, self.port);
        write!(f, "proxy http://{authority} ({})", self.variable)
    }
}

impl UserInfo {
    /// A name without a password has an empty one, as with curl.
    fn parse(encoded: &str) -> Result<Self, &'static str> {
        let (user, password) = encoded.split_once(':').unwrap_or((encoded, ""));
        let wrong = "its user or password is not percent-encoded text";
        let user = percent_decoded(user).ok_or(wrong)?;
        let password = percent_decoded(password).ok_or(wrong)?;
        if user.contains(':') {
            return Err("its user has a colon, which Basic authentication cannot tell apart");
        }

        let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Ok(Self {
            #[cfg(any(feature = "s3", feature = "otlp"))]
            encoded: encoded.into(),
            basic: format!("Basic {basic}").into(),
        })
    }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let uri: Uri = format!("http://{text}").parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    // The parser lets a port pass that is no port.
    let port = match text.strip_prefix(host)?.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None if text.len() == host.len() => PORT,
        None => return None,
    };
    Some((without_brackets(host).to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        for (text, shown, authorization) in [
            ("http://p:3128", "http://p:3128", None),
            ("p:3128", "http://p:3128", None),
            ("HTTP://P/", "http://p:1080", None),
            ("p", "http://p:1080", None),
            ("http://[::1]:8/x?y", "http://[::1]:8", None),
            ("http://@p:1", "http://p:1", None),
            ("http://u:w@p:1", "http://p:1", Some("u:w")),
            ("u@p", "http://p:1080", Some("u:")),
            ("http://u:a%40b%3Ac@p", "http://p:1080", Some("u:a@b:c")),
            ("http://u:a@b@p", "http://p:1080", Some("u:a@b")),
        ] {
            let proxy = Proxy::parse("HTTPS_PROXY", text).expect(text);
            let expected = authorization.map(|it| format!("Basic {}", BASE64_STANDARD.encode(it)));
            assert_eq!(proxy.to_string(), format!("proxy {shown} (HTTPS_PROXY)"));
            assert_eq!(proxy.authorization(), expected.as_deref(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_being_quoted() {
        for text in [
            "https://u:hunter2@p",
            "socks5://u:hunter2@p",
            "socks5h://u:hunter2@p:1",
            "ftp://u:hunter2@p",
            "http://u:hunter2@",
            "http://u:hunter2@p:70000",
            "http://u:hunter2@p:0",
            "http://u:hunter2@p:",
            "http://u:hunter2@a b",
            "http://u:hunter2%zz@p",
            "http://u%3Ax:hunter2@p",
        ] {
            let reason = Proxy::parse("ALL_PROXY", text).expect_err(text);
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }

    #[test]
    fn no_debug_text_tells_a_password() {
        let proxy = Proxy::parse("ALL_PROXY", "http://u:hunter2@p").unwrap();
        let text = format!("{proxy:?} {proxy}");
        let basic = BASE64_STANDARD.encode("u:hunter2");
        assert!(
            !text.contains("hunter2") && !text.contains(&basic),
            "{text}"
        );
    }
}
