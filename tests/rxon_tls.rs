//! `https://` orchestrators: a private authority, and a certificate of our own.
//! The certificates are made for these tests and good for nothing else.
#![cfg(feature = "tls")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, TlsFiles};
use axon_worker::transport::{Standing, Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

fn file(name: &str) -> PathBuf {
    ["tests", "vectors", "tls", name].iter().collect()
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).unwrap()
}

/// A server that wants a client certificate and would speak HTTP/2 if asked.
fn config() -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate("server.pem")],
            PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// What the server learned of a client that it talked to.
struct Client {
    alpn: Option<Vec<u8>>,
    certificates: usize,
}

/// Serves one connection and answers its first request with `null`.
fn serve_one() -> (String, Receiver<Client>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (told, clients) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(config()).unwrap();
        if let Some(client) = answer(&mut session, &mut socket) {
            told.send(client).unwrap();
        }
        // Until the client is gone: closing first could overtake what was sent.
        let _ = socket.read_to_end(&mut Vec::new());
    });
    (url, clients)
}

fn answer(session: &mut ServerConnection, socket: &mut TcpStream) -> Option<Client> {
    let mut stream = rustls::Stream::new(session, socket);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull";
    stream.write_all(reply).ok()?;
    Some(Client {
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        certificates: session.peer_certificates().map_or(0, <[_]>::len),
    })
}

async fn probe(url: &str, tls: TlsFiles) -> Result<Standing, TransportError> {
    let settings = OrchestratorSettings::new(url, "token");
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    let timing = Timing::default();
    let origin = OrchestratorId(0);
    let transport = RxonHttp::new(origin, &settings, &worker_id, &timing, &tls).unwrap();
    transport.probe().await
}

fn with_identity() -> TlsFiles {
    TlsFiles {
        ca: Some(file("ca.pem")),
        cert: Some(file("client.pem")),
        key: Some(file("client.key")),
    }
}

#[actix_rt::test]
async fn both_sides_know_each_other_and_http_2_stays_out() {
    let (url, clients) = serve_one();
    assert_eq!(probe(&url, with_identity()).await, Ok(Standing::Forgotten));
    let client = clients.recv().unwrap();
    assert_eq!(client.alpn.as_deref(), Some(b"http/1.1".as_slice()));
    assert_eq!(client.certificates, 1);
}

#[actix_rt::test]
async fn a_missing_certificate_of_ours_is_unauthorized() {
    let (url, _clients) = serve_one();
    let anonymous = TlsFiles {
        cert: None,
        key: None,
        ..with_identity()
    };
    let error = probe(&url, anonymous).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unauthorized { .. }),
        "{error}"
    );
}

#[actix_rt::test]
async fn a_server_of_an_unknown_authority_gets_nothing() {
    let (url, clients) = serve_one();
    let misled = TlsFiles {
        ca: Some(file("other-ca.pem")),
        ..with_identity()
    };
    let error = probe(&url, misled).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );
    assert!(clients.recv().is_err(), "no request may have arrived");
}
