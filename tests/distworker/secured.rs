//! `wss://`: a proxy in front of the controller speaks TLS, for v0.0.6 speaks none itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axon_worker::WorkerBuilder;
use axon_worker::dev::{DistController, DistEvent};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{DEFAULT_VERSIONS, RootCertStore};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Log, assert_works, soon, until, worker};

/// An authority, and the certificates that it has signed.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn sign(&self, name: &str, hosts: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// A server at 127.0.0.1 that takes clients of this authority only.
    fn guard(&self) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (certificate, key) = self.sign("proxy", &["127.0.0.1"]);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(DEFAULT_VERSIONS)
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }

    /// The files of a worker that trusts this authority and is known to it.
    fn files(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = self.sign("worker", &[]);
        for (name, text) in [
            ("ca.pem", self.0.pem()),
            ("client.pem", certificate.pem()),
            ("client.key", key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }
}

/// Takes connections with TLS, and passes on what is in them.
struct Proxy {
    port: u16,
    handshakes: Arc<AtomicUsize>,
}

impl Proxy {
    async fn before(controller: &DistController, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = controller.url();
        let to = url.trim_start_matches("http://").trim_end_matches('/');
        let (to, acceptor) = (to.to_owned(), TlsAcceptor::from(Arc::new(config)));
        let handshakes = Arc::new(AtomicUsize::new(0));
        let count = handshakes.clone();
        actix_rt::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (to, acceptor, count) = (to.clone(), acceptor.clone(), count.clone());
                actix_rt::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(tcp).await else {
                        return;
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                    if let Ok(mut inside) = TcpStream::connect(to).await {
                        // However it ends, both ends see it.
                        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                    }
                });
            }
        });
        Self { port, handshakes }
    }

    /// A worker that comes this way, by an address with this scheme.
    fn worker(&self, controller: &DistController, scheme: &str, files: &TempDir) -> WorkerBuilder {
        let url = format!("{scheme}://127.0.0.1:{}", self.port);
        let folder = files.path().to_owned();
        worker(controller).configure(move |settings| {
            settings.distworker.controller_url = Some(url);
            settings.tls_ca_path = Some(folder.join("ca.pem"));
            settings.tls_cert_path = Some(folder.join("client.pem"));
            settings.tls_key_path = Some(folder.join("client.key"));
        })
    }
}

#[actix_rt::test]
async fn tasks_come_and_results_go_over_tls_and_so_they_do_after_a_broken_connection() {
    for scheme in ["wss", "https"] {
        let controller = DistController::start().await.unwrap();
        let ours = Authority::named("ours");
        let proxy = Proxy::before(&controller, ours.guard()).await;
        let files = ours.files();
        let worker = proxy.worker(&controller, scheme, &files).spawn().unwrap();
        for _ in 0..20 {
            assert_works(&controller).await;
        }
        controller.drop_connections();
        soon("it is gone", controller.connected(0)).await;
        assert_works(&controller).await;
        assert_eq!(proxy.handshakes.load(Ordering::SeqCst), 2, "{scheme}");
        // Larger than a record of TLS.
        let large = json!({ "text": "x".repeat(1 << 20) });
        let task = controller.submit("echo.any", &large);
        let outcome = crate::support::outcome(&controller, &task).await;
        assert_eq!(outcome, crate::support::completed(large), "{scheme}");
        let report = worker.shutdown().await;
        assert!(report.is_clean(), "{report}");
        let gone = controller.event_where(|e| matches!(e, DistEvent::Gone(Some(_))));
        assert_eq!(
            soon("it said goodbye", gone).await,
            DistEvent::Gone(Some(1000))
        );
    }
}

#[actix_rt::test]
async fn a_controller_with_a_certificate_of_somebody_else_hears_nothing_of_us() {
    let (log, _guard) = Log::begin();
    let controller = DistController::start().await.unwrap();
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let proxy = Proxy::before(&controller, theirs.guard()).await;
    let files = ours.files();
    let worker = proxy
        .worker(&controller, "wss", &files)
        .build()
        .unwrap()
        .spawn_local()
        .await
        .unwrap();
    until("it is told", || log.text().contains("TLS_CA_PATH")).await;
    assert_eq!(controller.connections_so_far(), 0);
    assert!(!log.text().contains("demo-token"));
    worker.shutdown().await;
}
