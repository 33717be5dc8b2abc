//! What `rustls` needs, made from the contents of the files.

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::TlsFiles;
use super::address::AddressVerifier;
use crate::transport::http::SetupError;

/// The contents of the files at one time.
#[derive(PartialEq)]
pub(super) struct Material {
    ca: Option<Content>,
    ca_only: bool,
    cert: Option<Content>,
    key: Option<Content>,
}

#[derive(PartialEq)]
struct Content {
    path: PathBuf,
    pem: Vec<u8>,
}

impl Material {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, SetupError> {
        let read = |path: &Option<PathBuf>| {
            let path = path.clone();
            path.map(|path| match std::fs::read(&path) {
                Ok(pem) => Ok(Content { path, pem }),
                Err(error) => Err(unreadable(&path, &error)),
            })
            .transpose()
        };
        Ok(Self {
            ca: read(&files.ca)?,
            ca_only: files.ca_only,
            cert: read(&files.cert)?,
            key: read(&files.key)?,
        })
    }

    /// Returns the TLS side of a client, with the crypto provider named: a default of the
    /// whole process would be missing or doubled, depending on the program. `address` is
    /// that of a server without a name.
    pub(super) fn config(
        &self,
        address: Option<Ipv6Addr>,
    ) -> Result<Arc<ClientConfig>, SetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(self.ca.as_ref(), self.ca_only)?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?;
        let trusting = match address {
            None => builder.with_root_certificates(roots),
            Some(address) => {
                let verifier = AddressVerifier::new(address, roots, provider)?;
                let builder = builder.dangerous();
                builder.with_custom_certificate_verifier(Arc::new(verifier))
            }
        };

        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let parsed = PrivateKeyDer::from_pem_slice(&key.pem)
                    .map_err(|error| unreadable(&key.path, &error))?;
                trusting
                    .with_client_auth_cert(certificates(cert)?, parsed)
                    .map_err(|error| match error {
                        rustls::Error::InconsistentKeys(_) => {
                            let reason = "it is not the key of the certificate in TLS_CERT_PATH";
                            unreadable(&key.path, &reason)
                        }
                        other => tls(&other),
                    })?
            }
            (None, None) => trusting.with_no_client_auth(),
            _ => return Err(SetupError::HalfIdentity),
        };

        // With `h2` in it, `awc` would speak HTTP/2 and open no WebSocket, over an h2 that
        // nobody keeps up (RUSTSEC-2026-0258).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.enable_sni = address.is_none();
        Ok(Arc::new(config))
    }
}

fn roots(ca: Option<&Content>, ca_only: bool) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    if !ca_only {
        // Systems carry odd certificates; those that cannot be read are left out.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if let Some(content) = ca {
        for certificate in certificates(content)? {
            let added = roots.add(certificate);
            added.map_err(|error| unreadable(&content.path, &error))?;
        }
    }
    if roots.is_empty() {
        return Err(SetupError::NoRoots);
    }
    Ok(roots)
}

fn certificates(content: &Content) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&content.pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&content.path, &error))?;
    if found.is_empty() {
        return Err(unreadable(&content.path, &"no certificate in it"));
    }
    Ok(found)
}

fn unreadable(path: &Path, reason: &impl ToString) -> SetupError {
    SetupError::TlsFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

pub(super) fn tls(error: &impl ToString) -> SetupError {
    SetupError::Tls {
        reason: error.to_string(),
    }
}
