//! Certificates for the tests, made when they are needed.

use std::path::PathBuf;
use std::sync::Arc;

use axon_worker::transport::rxon::TlsFiles;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;

/// An authority that signs whatever is asked of it.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub(crate) enum Valid {
    Now,
    Once,
    Later,
}

impl Authority {
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn identity(&self, name: &str, hosts: &[&str], valid: Valid) -> Identity {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let (from, until) = match valid {
            Valid::Now => (2020, 2100),
            Valid::Once => (2020, 2021),
            Valid::Later => (2099, 2100),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }

    /// A server at 127.0.0.1.
    pub(crate) fn server(&self) -> Identity {
        self.identity("server", &["127.0.0.1"], Valid::Now)
    }

    /// The worker `worker-1`.
    pub(crate) fn client(&self) -> Identity {
        self.identity("worker-1", &[], Valid::Now)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

impl Identity {
    /// A server that would speak HTTP/2 if asked, and wants a client certificate of
    /// that authority if there is one.
    pub(crate) fn serve(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        self.serve_with(clients, rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn serve_with(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let chain = vec![self.certificate.der().clone()];
        let mut config = builder
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// The TLS files of a worker, in a folder of their own.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("ca.pem", &authority.0.pem());
        files
    }

    pub(crate) fn with(self, identity: &Identity) -> Self {
        self.put(identity);
        self
    }

    pub(crate) fn put(&self, identity: &Identity) {
        self.put_certificate(identity);
        self.write("client.key", &identity.key.serialize_pem());
    }

    pub(crate) fn put_certificate(&self, identity: &Identity) {
        self.write("client.pem", &identity.certificate.pem());
    }

    pub(crate) fn trust(&self, authority: &Authority) {
        self.write("ca.pem", &authority.0.pem());
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    pub(crate) fn paths(&self) -> TlsFiles {
        let path = |name: &str| -> Option<PathBuf> {
            let path = self.0.path().join(name);
            path.exists().then_some(path)
        };
        TlsFiles {
            ca: path("ca.pem"),
            ca_only: false,
            cert: path("client.pem"),
            key: path("client.key"),
        }
    }
}
