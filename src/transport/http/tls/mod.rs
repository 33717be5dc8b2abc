//! TLS for `https://` orchestrators: the certificates of the system, a private
//! authority, and a certificate of our own.

#[cfg(feature = "tls")]
mod address;
#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
pub(super) mod explain;
#[cfg(feature = "tls")]
mod source;

use std::path::PathBuf;

use awc::http::Uri;
#[cfg(not(feature = "tls"))]
pub(super) use none::{TlsConfig, TlsSource};
#[cfg(feature = "tls")]
pub(super) use source::{TlsConfig, TlsSource};

use crate::config::Settings;

/// The files that TLS needs, all optional. They are looked at again before each request,
/// so that they can be replaced while the worker runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates to trust besides those of the system, PEM.
    pub ca: Option<PathBuf>,
    /// Whether these alone are trusted, and not those of the system.
    pub ca_only: bool,
    /// Our own certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// The private key of our certificate, PEM.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// The same without a certificate of our own, for servers that others name.
    #[cfg_attr(
        not(feature = "distworker"),
        expect(dead_code, reason = "no task names any")
    )]
    pub(crate) fn without_identity(&self) -> Self {
        Self {
            cert: None,
            key: None,
            ..self.clone()
        }
    }

    /// Whether no file is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ca.is_none() && self.cert.is_none() && self.key.is_none()
    }
}

impl From<&Settings> for TlsFiles {
    fn from(settings: &Settings) -> Self {
        Self {
            ca: settings.tls_ca_path.clone(),
            ca_only: settings.tls_ca_only,
            cert: settings.tls_cert_path.clone(),
            key: settings.tls_key_path.clone(),
        }
    }
}

/// Returns an address with a host that rustls takes for a name, see [`address`].
pub(super) fn name_of(uri: Uri) -> Uri {
    #[cfg(feature = "tls")]
    if uri.host().is_some_and(|host| host.starts_with('[')) {
        return Uri::from_static(address::STAND_IN);
    }
    uri
}

/// A build without TLS has none of these.
#[cfg(not(feature = "tls"))]
mod none {
    use std::sync::Arc;

    #[derive(PartialEq)]
    pub(in super::super) enum TlsConfig {}

    pub(in super::super) enum TlsSource {}

    impl TlsSource {
        pub(in super::super) fn loaded(&self) -> TlsConfig {
            match *self {}
        }

        #[expect(clippy::unused_async, reason = "with TLS it waits")]
        pub(in super::super) async fn current(self: &Arc<Self>) -> TlsConfig {
            match **self {}
        }
    }
}
