//! `https://` orchestrators: a private authority, a certificate of our own, files
//! that are replaced, and what is said when something does not fit.
#![cfg(feature = "tls")]

mod authority;
mod cuts;
mod files;
mod rotation;
mod server;
mod tokens;
mod troubles;

use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, RxonSetup, TlsFiles};
use axon_worker::transport::{Command, Standing, Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};
use tokio::net::TcpListener;

use authority::{Authority, Files};
use server::{Server, unknown_worker};

fn setup(url: &str, tls: &TlsFiles) -> RxonSetup {
    let settings = OrchestratorSettings::new(url, "t0ken-of-the-tests");
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    RxonSetup::new(&settings, &worker_id, &Timing::default(), tls).unwrap()
}

fn transport(url: &str, tls: &TlsFiles) -> RxonHttp {
    setup(url, tls).open(OrchestratorId(0))
}

async fn probe(url: &str, tls: &TlsFiles) -> Result<Standing, TransportError> {
    transport(url, tls).probe().await
}

#[actix_rt::test]
async fn both_sides_know_each_other_and_http_2_stays_out() {
    let ours = Authority::named("ours");
    let server = Server::start(ours.server().serve(Some(&ours))).await;
    let files = Files::trusting(&ours).with(&ours.client());
    let known = probe(&server.url(), &files.paths()).await;
    assert_eq!(known, Ok(Standing::Forgotten));
    let guests = server.guests();
    assert_eq!(guests.len(), 1, "one connection for everything");
    assert_eq!(guests[0].alpn.as_deref(), Some(b"http/1.1".as_slice()));
    assert!(guests[0].certificate.is_some());
    for head in server.requests() {
        let host = format!("\r\nhost: 127.0.0.1:{}\r\n", server.port);
        assert!(head.contains(&host), "{head}");
    }
}

#[actix_rt::test]
async fn an_address_of_version_6_is_a_name_too() {
    let ours = Authority::named("ours");
    let identity = ours.identity("server", &["::1"], authority::Valid::Now);
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::on(listener, identity.serve(None), unknown_worker);
    let url = format!("https://[::1]:{port}");
    let known = probe(&url, &Files::trusting(&ours).paths()).await;
    assert_eq!(known, Ok(Standing::Forgotten));
    assert_eq!(server.guests().len(), 1);
}

#[actix_rt::test]
async fn a_connection_ends_with_a_goodbye() {
    let ours = Authority::named("ours");
    let server = Server::start(ours.server().serve(None)).await;
    let files = Files::trusting(&ours);
    let orchestrator = transport(&server.url(), &files.paths());
    orchestrator.probe().await.unwrap();
    drop(orchestrator);
    let patience = std::time::Duration::from_secs(20);
    let waited = tokio::time::timeout(patience, server.goodbye()).await;
    waited.expect("the server was told that the connection is over");
}

#[actix_rt::test]
async fn commands_come_over_tls() {
    fn answers(head: &str) -> Vec<u8> {
        if !head.starts_with("GET /_worker/ws/worker-1 ") {
            return unknown_worker(head);
        }
        let key = head.lines().find_map(|line| {
            let key = line.strip_prefix("sec-websocket-key: ")?;
            Some(key.to_owned())
        });
        let key = key.expect("a key");
        let accept = actix_http::ws::hash_key(key.as_bytes());
        let accept = String::from_utf8(accept.to_vec()).unwrap();
        let mut bytes = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
             connection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        let text = br#"{"command": "cancel_task", "task_id": "t-1", "job_id": "j-1"}"#;
        bytes.extend([0x81, u8::try_from(text.len()).unwrap()]);
        bytes.extend(text);
        bytes
    }
    let ours = Authority::named("ours");
    let server = Server::answering(ours.server().serve(Some(&ours)), answers).await;
    let files = Files::trusting(&ours).with(&ours.client());
    let orchestrator = transport(&server.url(), &files.paths());
    let opening = orchestrator.open_commands().expect("it has a socket");
    let mut commands = opening.await.unwrap();
    let command = commands.next().await.unwrap();
    assert!(matches!(command, Command::Cancel { .. }), "{command:?}");
    assert!(server.guests().iter().all(|it| it.certificate.is_some()));
}
