//! Everything about a client that can be wrong, found out before the worker
//! starts: the setup is checked and `Send`, the client made from it is neither.

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use actix_http::Uri;
use actix_http::header::{HeaderName, HeaderValue};

use super::connect::Target;
use super::idle::IdleConnections;
use super::secrets::Secrets;
use super::{Http, TlsFiles};
use crate::config::Token;
use crate::config::url::{has_good_port, shown};

/// How long a connection may take to come about, and then its TLS handshake. A host
/// that drops packets is thus told apart from one that is slow to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// Settings that no client can be made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address of the orchestrator.
    #[error("orchestrator address {url} cannot be used: {reason}")]
    Url {
        /// The address in quotes, or what is said in its place if it may hold a secret.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `https://` in a build without the feature `tls`.
    #[error("orchestrator address {url:?} needs TLS; build axon-worker with the feature `tls`")]
    NoTls {
        /// The address as given.
        url: String,
    },
    /// RXON 1.0b17 is spoken without a token.
    #[error("{url:?} needs a token: messages of RXON 1.0b17 are signed with it")]
    NoToken {
        /// The orchestrator it is for.
        url: String,
    },
    /// The token cannot travel in a header.
    #[error("the token for {url:?} holds characters that a header cannot carry")]
    Token {
        /// The orchestrator it is for.
        url: String,
    },
    /// A certificate or key cannot be used.
    #[error("TLS file {} cannot be used: {reason}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate without its key, or the reverse.
    #[error("TLS_CERT_PATH and TLS_KEY_PATH go together; only one of them is set")]
    HalfIdentity,
    /// There is nothing to check the server's certificate against.
    #[error("no trusted certificates: the system has none and TLS_CA_PATH is not set")]
    NoRoots,
    /// TLS does not accept what the files hold.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
}

/// A client that has been checked and not been made yet.
#[derive(Clone)]
pub(crate) struct HttpSetup {
    base: Uri,
    token: Token,
    token_header: HeaderName,
    connect: Duration,
    hint: &'static str,
    #[cfg(feature = "tls")]
    tls: Option<std::sync::Arc<super::tls::TlsSource>>,
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
        let hint = match (base.scheme_str(), &tls.cert) {
            (Some("https"), None) => {
                "if it wants a client certificate, set TLS_CERT_PATH and TLS_KEY_PATH"
            }
            (Some("https"), Some(_)) => "it may not accept the certificate in TLS_CERT_PATH",
            _ => "if it speaks TLS, its address begins with https://",
        };
        #[cfg(feature = "tls")]
        let tls = if base.scheme_str() == Some("https") {
            Some(std::sync::Arc::new(super::tls::TlsSource::load(tls)?))
        } else {
            None
        };
        #[cfg(not(feature = "tls"))]
        {
            let _ = tls;
            if base.scheme_str() == Some("https") {
                return Err(SetupError::NoTls {
                    url: url.to_owned(),
                });
            }
        }
        Ok(Self {
            base,
            token: Token::from(""),
            token_header: HeaderName::from_static("x-worker-token"),
            connect: CONNECT.min(request_timeout),
            hint,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Makes the client, on the thread that will use it.
    pub(crate) fn open(self) -> Http {
        Http {
            secrets: Rc::new(Secrets::new(self.token_header, self.token)),
            // No limit to them: open polls must never keep a heartbeat waiting. How many
            // requests there are is decided by the callers.
            idle: IdleConnections::default(),
            has_answered: Cell::new(false),
            hint: self.hint,
            target: Target::new(
                self.base,
                self.connect,
                #[cfg(feature = "tls")]
                self.tls,
            ),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(url: &str, token: &str) -> Result<HttpSetup, SetupError> {
        let name = HeaderName::from_static("x-worker-token");
        let timeout = Duration::from_secs(1);
        HttpSetup::new(
            url,
            &Token::from(token),
            name,
            timeout,
            &TlsFiles::default(),
        )
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_with_the_reason() {
        for url in [
            "",
            "localhost:8080",
            "ftp://localhost",
            "http://",
            "/relative",
            "http://host/?a=b",
            "http://ho st/",
            "http://host:99999",
            "http://host:",
            "http://host/a\r\nb: c",
        ] {
            let error = setup(url, "t").unwrap_err();
            assert!(matches!(error, SetupError::Url { .. }), "{url:?}: {error}");
        }
        for url in ["http://localhost:1", "http://[::1]:80/prefix"] {
            assert!(setup(url, "t").is_ok(), "{url:?}");
        }
    }

    #[test]
    fn no_error_and_no_debug_text_tells_a_secret() {
        for url in [
            "http://user:hunter2@host",
            "http://user:hunter2@ho st",
            "user:hunter2@host:1",
            "http://host/?token=hunter2",
            "http://u:hunter2@host:99999/",
        ] {
            let error = setup(url, "t").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = setup("http://host", "hunter2\n").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let setup = setup("http://host", "hunter2").unwrap();
        assert!(!format!("{setup:?}").contains("hunter2"));
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_without_the_feature_says_which_feature() {
        let error = setup("https://host", "t").unwrap_err();
        assert!(error.to_string().contains("feature `tls`"), "{error}");
    }

    #[actix_rt::test]
    async fn paths_are_appended_to_the_address() {
        for (base, url) in [
            ("http://h:1", "http://h:1/_worker/x"),
            ("http://h:1/", "http://h:1/_worker/x"),
            ("http://h:1/pre", "http://h:1/pre/_worker/x"),
        ] {
            let http = setup(base, "t").unwrap().open();
            assert_eq!(http.url("/_worker/x"), url);
        }
    }
}
