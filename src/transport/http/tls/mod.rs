//! TLS for `https://` orchestrators: the certificates of the system, a private
//! authority, and a certificate of our own.

#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
pub(super) mod explain;
#[cfg(feature = "tls")]
mod source;

use std::path::PathBuf;

#[cfg(feature = "tls")]
pub(super) use source::TlsSource;

use crate::config::Settings;

/// The files that TLS needs, all optional. They are looked at again whenever a
/// connection is opened, so that they can be replaced while the worker runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates to trust besides those of the system, PEM.
    pub ca: Option<PathBuf>,
    /// Our own certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// The private key of our certificate, PEM.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Whether no file is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<&Settings> for TlsFiles {
    fn from(settings: &Settings) -> Self {
        Self {
            ca: settings.tls_ca_path.clone(),
            cert: settings.tls_cert_path.clone(),
            key: settings.tls_key_path.clone(),
        }
    }
}
