//! TLS for `https://` orchestrators: the certificates of the system, a private
//! authority, and a certificate of our own.

use std::path::PathBuf;

use crate::config::Settings;

/// The files that TLS needs, all optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates to trust besides those of the system, PEM.
    pub ca: Option<PathBuf>,
    /// Our own certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// The private key of our certificate, PEM.
    pub key: Option<PathBuf>,
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

#[cfg(feature = "tls")]
pub(super) use config::client_config;

#[cfg(feature = "tls")]
mod config {
    use std::path::Path;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};

    use super::TlsFiles;
    use crate::transport::http::SetupError;

    /// The TLS side of a client, with the crypto provider named: a default of the
    /// whole process would be missing or doubled, depending on the program.
    pub(in crate::transport::http) fn client_config(
        files: &TlsFiles,
    ) -> Result<Arc<ClientConfig>, SetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusting = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| tls(&e))?
            .with_root_certificates(roots(files.ca.as_deref())?);
        let mut config = match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => {
                let key_path = key;
                let key =
                    PrivateKeyDer::from_pem_file(key_path).map_err(|e| unreadable(key_path, &e))?;
                trusting
                    .with_client_auth_cert(certificates(cert)?, key)
                    .map_err(|e| tls(&e))?
            }
            (None, None) => trusting.with_no_client_auth(),
            _ => return Err(SetupError::HalfIdentity),
        };
        // HTTP/2 stays out: awc's version of it has a known weakness
        // (RUSTSEC-2026-0258), and WebSockets do not work over it.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(ca: Option<&Path>) -> Result<RootCertStore, SetupError> {
        let mut roots = RootCertStore::empty();
        // Systems carry odd certificates; those that cannot be read are left out.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| unreadable(path, &e))?;
            }
        }
        if roots.is_empty() {
            return Err(SetupError::NoRoots);
        }
        Ok(roots)
    }

    fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
        let found: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|e| unreadable(path, &e))?;
        if found.is_empty() {
            return Err(unreadable(path, &"no certificate in it"));
        }
        Ok(found)
    }

    fn unreadable(path: &Path, reason: &impl ToString) -> SetupError {
        SetupError::TlsFile {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn tls(error: &rustls::Error) -> SetupError {
        SetupError::Tls {
            reason: error.to_string(),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        // A throw-away certificate of the test suite.
        const CA: &str = "tests/vectors/tls/ca.pem";

        fn with_ca(path: &str) -> TlsFiles {
            TlsFiles {
                ca: Some(path.into()),
                ..TlsFiles::default()
            }
        }

        #[test]
        fn http_2_is_never_offered() {
            let config = client_config(&with_ca(CA)).unwrap();
            assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
        }

        #[test]
        fn a_file_that_does_not_serve_is_named() {
            for path in ["tests/vectors/tls/missing.pem", "Cargo.toml"] {
                let error = client_config(&with_ca(path)).unwrap_err();
                assert!(error.to_string().contains(path), "{error}");
            }
        }

        #[test]
        fn a_certificate_without_its_key_is_refused() {
            let files = TlsFiles {
                cert: Some(CA.into()),
                ..with_ca(CA)
            };
            assert!(matches!(
                client_config(&files),
                Err(SetupError::HalfIdentity)
            ));
        }
    }
}
