//! Certificates that are made for one test.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;

use super::{OrchestratorSetup, WorkerSetup};

/// An authority that signs whatever a test asks for; its files end with it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as files.
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: String,
    /// Its key.
    pub(crate) key: String,
}

impl Authority {
    /// An authority of this name.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    /// The file of its certificate.
    pub(crate) fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate for servers at 127.0.0.1 and for clients of this name.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        };
        fs::write(&identity.certificate, signed.pem()).expect("a file");
        fs::write(&identity.key, key.serialize_pem()).expect("a file");
        identity
    }

    /// The orchestrator takes workers with a certificate of this authority only.
    pub(crate) fn guards(&self, setup: OrchestratorSetup) -> OrchestratorSetup {
        let server = self.identity("orchestrator");
        setup
            .with_tls()
            .set("TLS_CERT_PATH", &server.certificate)
            .set("TLS_KEY_PATH", &server.key)
            .set("TLS_CA_PATH", &self.file())
            .set("TLS_REQUIRE_CLIENT_CERT", "true")
    }

    /// The worker trusts this authority and shows a certificate of this name.
    pub(crate) fn admits(&self, worker: WorkerSetup, name: &str) -> WorkerSetup {
        let client = self.identity(name);
        worker
            .set("TLS_CA_PATH", &self.file())
            .set("TLS_CERT_PATH", &client.certificate)
            .set("TLS_KEY_PATH", &client.key)
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.display().to_string()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
