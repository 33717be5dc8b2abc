//! Everything about a client that can be wrong, found out before the worker
//! starts: the setup is checked and `Send`, the client made from it is neither.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use awc::http::Uri;
use awc::http::header::{HeaderName, HeaderValue};

use super::connect::Connections;
use super::error::Peer;
use super::secrets::Secrets;
use super::tls::TlsSource;
use super::{Http, SetupError, TlsFiles};
use crate::config::Token;
use crate::config::url::{has_good_port, shown};

/// How long a connection may take to come about, and then its TLS handshake. A host
/// that drops packets is thus told apart from one that is slow to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// A client that has been checked and not been made yet.
#[derive(Clone)]
pub(crate) struct HttpSetup {
    base: Uri,
    token: Token,
    token_header: HeaderName,
    connect: Duration,
    has_identity: bool,
    hint: &'static str,
    tls: Option<Arc<TlsSource>>,
}

impl HttpSetup {
    /// Checks the settings of a client that sends `token` in the header
    /// `token_header` of every request. TLS files are only read for `https://`.
    pub(crate) fn new(
        url: &str,
        token: &Token,
        token_header: HeaderName,
        request_timeout: Duration,
        tls: &TlsFiles,
    ) -> Result<Self, SetupError> {
        HeaderValue::from_str(token.expose()).map_err(|_| SetupError::Token {
            url: url.to_owned(),
        })?;
        let mut setup = Self::without_token(url, request_timeout, tls)?;
        setup.token = token.clone();
        setup.token_header = token_header;
        Ok(setup)
    }

    /// The same for a client that says nothing of itself. TLS files are only read for
    /// `https://`.
    pub(crate) fn without_token(
        url: &str,
        request_timeout: Duration,
        tls: &TlsFiles,
    ) -> Result<Self, SetupError> {
        let base = base_of(url)?;
        let has_identity = tls.cert.is_some();
        let hint = match (base.scheme_str(), &tls.cert) {
            (Some("https"), None) => {
                "if it wants a client certificate, set TLS_CERT_PATH and TLS_KEY_PATH"
            }
            (Some("https"), Some(_)) => "it may not accept the certificate in TLS_CERT_PATH",
            _ => "if it speaks TLS, its address begins with https://",
        };
        let tls = match base.scheme_str() {
            #[cfg(feature = "tls")]
            Some("https") => Some(Arc::new(TlsSource::load(tls, host_of(&base))?)),
            #[cfg(not(feature = "tls"))]
            Some("https") => {
                let url = url.to_owned();
                return Err(SetupError::NoTls { url });
            }
            _ => None,
        };
        Ok(Self {
            base,
            token: Token::from(""),
            token_header: HeaderName::from_static("x-worker-token"),
            connect: CONNECT.min(request_timeout),
            has_identity,
            hint,
            tls,
        })
    }

    /// Makes the client, on the thread that will use it.
    pub(crate) fn open(self) -> Http {
        let peer = Peer {
            host: host_of(&self.base).to_owned(),
            is_secure: self.is_secure(),
            has_identity: self.has_identity,
            handshake_within: self.connect,
        };
        Http {
            secrets: Rc::new(Secrets::new(self.token_header, self.token)),
            connections: Connections::new(self.connect, self.tls),
            peer: Rc::new(peer),
            has_answered: Cell::new(false),
            hint: self.hint,
            base: self.base,
        }
    }

    /// Whether the address is one with `https://`.
    pub(crate) fn is_secure(&self) -> bool {
        self.base.scheme_str() == Some("https")
    }
}

/// Names the address; headers and token stay out.
impl fmt::Debug for HttpSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSetup")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Returns the host without the brackets of an IPv6 address, which belong to the URL.
fn host_of(base: &Uri) -> &str {
    let host = base.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

fn base_of(url: &str) -> Result<Uri, SetupError> {
    let wrong = |reason: &str| SetupError::Url {
        url: shown(url),
        reason: reason.to_owned(),
    };
    let base: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
    match base.scheme_str() {
        Some("http" | "https") => {}
        Some(_) => return Err(wrong("it has to begin with http:// or https://")),
        None => return Err(wrong("the scheme is missing, for example http://")),
    }
    if base.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(wrong("user names and passwords are not supported in it"));
    }
    if base.host().is_none_or(str::is_empty) {
        return Err(wrong("the host is missing"));
    }
    if !base.authority().is_some_and(has_good_port) {
        return Err(wrong("its port is not one from 0 to 65535"));
    }
    if base.query().is_some() {
        return Err(wrong("it must not have a query"));
    }
    Ok(base)
}
