//! Files that are replaced while the worker runs. Connections are made one by one:
//! the server here closes each after its answer.

use axon_worker::transport::rxon::RxonHttp;
use axon_worker::transport::{Standing, Transport};

use super::authority::{Authority, Files, Valid};
use super::server::Server;
use super::{server, transport};

/// Ends the connection, so that the next request opens one.
fn one_by_one(_: &str) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\n".to_vec();
    answer.extend_from_slice(b"null");
    answer
}

fn shown(server: &Server) -> Vec<u8> {
    let guests = server.guests();
    guests.last().unwrap().certificate.clone().unwrap()
}

/// A worker that has shown its certificate to a server of one authority.
struct Known {
    ours: Authority,
    server: Server,
    files: Files,
    orchestrator: RxonHttp,
    certificate: Vec<u8>,
}

impl Known {
    async fn new() -> Self {
        let ours = Authority::named("ours");
        let config = ours.server().serve(Some(&ours));
        let server = Server::answering(config, one_by_one).await;
        let files = Files::trusting(&ours).with(&ours.client());
        let orchestrator = transport(&server.url(), &files.paths());
        orchestrator.probe().await.unwrap();
        Self {
            certificate: shown(&server),
            ours,
            server,
            files,
            orchestrator,
        }
    }
}

#[actix_rt::test]
async fn a_new_certificate_is_shown_by_the_next_connection() {
    let Known {
        ours,
        server,
        files,
        orchestrator,
        certificate: first,
    } = Known::new().await;

    files.put(&ours.client());
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    let second = shown(&server);
    assert_ne!(first, second);
    orchestrator.probe().await.unwrap();
    assert_eq!(shown(&server), second);
}

#[actix_rt::test]
async fn files_that_do_not_fit_together_change_nothing_until_they_do() {
    let Known {
        ours,
        server,
        files,
        orchestrator,
        certificate: first,
    } = Known::new().await;

    // The certificate comes before its key, and half a file before the whole.
    let next = ours.client();
    files.put_certificate(&next);
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    assert_eq!(shown(&server), first);
    files.write("client.key", "-----BEGIN PRIVATE KEY-----\nMIGH");
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    assert_eq!(shown(&server), first);
    files.put(&next);
    orchestrator.probe().await.unwrap();
    assert_ne!(shown(&server), first);
}

#[actix_rt::test]
async fn a_new_authority_is_trusted_when_its_file_has_changed() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let identity = theirs.identity("server", &["127.0.0.1"], Valid::Now);
    let server = Server::answering(identity.serve(None), server::unknown_worker).await;
    let files = Files::trusting(&ours);
    let orchestrator = transport(&server.url(), &files.paths());
    let error = orchestrator.probe().await.unwrap_err();
    assert!(error.to_string().contains("TLS_CA_PATH"), "{error}");

    files.trust(&theirs);
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
}
