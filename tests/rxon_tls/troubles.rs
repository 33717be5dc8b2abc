//! What an operator reads when something does not fit.

use axon_worker::transport::rxon::TlsFiles;
use axon_worker::transport::{Transport, TransportError};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::authority::{Authority, Files, Valid};
use super::server::Server;
use super::{probe, transport};

/// The text of an error that says that no connection came about.
fn unreachable(error: &TransportError) -> String {
    match error {
        TransportError::Unreachable { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

/// The text of an error that says that we are not welcome.
fn unauthorized(error: &TransportError) -> String {
    match error {
        TransportError::Unauthorized { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

/// What is said of a server with such a certificate.
async fn said_of(ours: &Authority, hosts: &[&str], valid: Valid) -> String {
    let identity = ours.identity("server", hosts, valid);
    let server = Server::start(identity.serve(None)).await;
    let error = probe(&server.url(), &Files::trusting(ours).paths()).await;
    assert_eq!(server.requests(), [""; 0], "nothing may have been sent");
    unreachable(&error.unwrap_err())
}

#[actix_rt::test]
async fn certificates_of_servers_are_told_apart_by_what_is_wrong() {
    let ours = Authority::named("ours");
    let here = ["127.0.0.1"];
    let text = said_of(&ours, &here, Valid::Once).await;
    assert!(text.contains("127.0.0.1 expired "), "{text}");
    assert!(text.contains(" days ago"), "{text}");
    let text = said_of(&ours, &here, Valid::Later).await;
    assert!(text.contains("not valid for another "), "{text}");
    let text = said_of(&ours, &["other.example.com"], Valid::Now).await;
    assert!(
        text.ends_with("is for other names: other.example.com"),
        "{text}"
    );
    let text = said_of(&ours, &[], Valid::Now).await;
    assert!(text.contains("subject alternative name"), "{text}");
}

#[actix_rt::test]
async fn a_server_of_an_unknown_authority_gets_nothing() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let server = Server::start(theirs.server().serve(Some(&ours))).await;
    let files = Files::trusting(&ours).with(&ours.client());
    let error = probe(&server.url(), &files.paths()).await.unwrap_err();
    let text = unreachable(&error);
    assert!(text.contains("authority that is not trusted"), "{text}");
    assert!(text.contains("TLS_CA_PATH"), "{text}");
    assert_eq!(server.requests(), [""; 0]);
}

#[actix_rt::test]
async fn an_authority_of_the_same_name_with_another_key_is_not_ours() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("ours"));
    let server = Server::start(theirs.server().serve(None)).await;
    let error = probe(&server.url(), &Files::trusting(&ours).paths()).await;
    let text = unreachable(&error.unwrap_err());
    assert!(text.contains("TLS_CA_PATH"), "{text}");
}

#[actix_rt::test]
async fn a_certificate_of_ours_that_is_missing_or_wrong_is_unauthorized() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let config = ours.server().serve_with(Some(&ours), versions);
        let server = Server::start(config).await;
        let anonymous = Files::trusting(&ours);
        let error = probe(&server.url(), &anonymous.paths()).await.unwrap_err();
        let text = unauthorized(&error);
        assert!(text.contains("wants a client certificate"), "{text}");
        assert!(text.contains("set TLS_CERT_PATH"), "{text}");

        let stranger = Files::trusting(&ours).with(&theirs.client());
        let error = probe(&server.url(), &stranger.paths()).await.unwrap_err();
        let text = unauthorized(&error);
        assert!(text.contains("authority of ours"), "{text}");

        let late = ours.identity("worker-1", &[], Valid::Once);
        let late = Files::trusting(&ours).with(&late);
        let error = probe(&server.url(), &late.paths()).await.unwrap_err();
        let text = unauthorized(&error);
        assert!(text.contains("expired"), "{text}");
        assert_eq!(server.requests(), [""; 0]);
    }
}

#[actix_rt::test]
async fn a_socket_tells_the_same() {
    let ours = Authority::named("ours");
    let server = Server::start(ours.server().serve(Some(&ours))).await;
    let orchestrator = transport(&server.url(), &Files::trusting(&ours).paths());
    let opening = orchestrator.open_commands().expect("it has a socket");
    let Err(error) = opening.await else {
        panic!("a socket without a certificate")
    };
    let text = unauthorized(&error);
    assert!(text.contains("wants a client certificate"), "{text}");
}

#[actix_rt::test]
async fn plain_http_spoken_to_tls_is_told() {
    let ours = Authority::named("ours");
    let server = Server::start(ours.server().serve(None)).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let error = probe(&url, &TlsFiles::default()).await.unwrap_err();
    let text = unreachable(&error);
    assert!(text.contains("begin with https://"), "{text}");

    // Others hang up without a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    actix_rt::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.read_buf(&mut Vec::new()).await.unwrap();
        }
    });
    let error = probe(&url, &TlsFiles::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("begins with https://"), "{text}");
}

#[actix_rt::test]
async fn tls_spoken_to_plain_http_is_told() {
    let ours = Authority::named("ours");
    let files = Files::trusting(&ours);
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        actix_rt::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.read_buf(&mut Vec::new()).await.unwrap();
            tcp.write_all(answer).await.unwrap();
        });
        let error = probe(&url, &files.paths()).await.unwrap_err();
        let text = unreachable(&error);
        assert!(text.contains("begin with http://"), "{text}");
    }
}

#[actix_rt::test]
async fn a_server_that_hangs_up_after_the_handshake_may_want_a_certificate() {
    let ours = Authority::named("ours");
    // Python's servers end the connection without a word, once they have seen that
    // there is no certificate.
    let server = Server::answering(ours.server().serve(None), |_| Vec::new()).await;
    let files = Files::trusting(&ours);
    let error = probe(&server.url(), &files.paths()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the connection was cut"), "{text}");
    assert!(text.contains("set TLS_CERT_PATH"), "{text}");

    let files = files.with(&ours.client());
    let error = probe(&server.url(), &files.paths()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("may not accept the certificate"), "{text}");
}

#[actix_rt::test]
async fn a_server_that_is_silent_in_the_handshake_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let ours = Authority::named("ours");
    let orchestrator = transport(&url, &Files::trusting(&ours).paths());
    let probing = actix_rt::spawn(async move { orchestrator.probe().await });
    let (mut tcp, _) = listener.accept().await.unwrap();
    tcp.read_exact(&mut [0]).await.unwrap();
    tokio::time::pause();
    let text = unreachable(&probing.await.unwrap().unwrap_err());
    assert!(text.contains("the TLS handshake did not end"), "{text}");
}
