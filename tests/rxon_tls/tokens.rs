//! Access tokens over TLS, as avtomatika 1.0b12 gives them to holders of a
//! certificate. How tokens are renewed is tested with the plain transport.

use axon_worker::config::AccessTokens;
use axon_worker::transport::{Standing, Transport};

use super::authority::{Authority, Files};
use super::server::{Server, ok};
use super::{setup, transport};

fn giving(head: &str) -> Vec<u8> {
    if head.starts_with("POST /_worker/auth/token ") {
        return ok(r#"{"access_token": "acc3ss", "expires_in": 3600, "worker_id": "worker-1"}"#);
    }
    ok("null")
}

#[actix_rt::test]
async fn with_tls_files_an_access_token_is_got_first_and_shown_then() {
    let ours = Authority::named("ours");
    let server = Server::answering(ours.server().serve(Some(&ours)), giving).await;
    let files = Files::trusting(&ours).with(&ours.client());
    let orchestrator = transport(&server.url(), &files.paths());
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].contains("x-worker-token: t0ken-of-the-tests\r\n"));
    assert!(requests[0].contains("x-worker-id: worker-1\r\n"));
    for request in &requests[1..] {
        assert!(request.starts_with("PATCH "), "{request}");
        assert!(request.contains("x-worker-token: acc3ss\r\n"), "{request}");
        assert!(!request.contains("t0ken-of-the-tests"), "{request}");
    }
}

#[actix_rt::test]
async fn they_can_be_turned_off() {
    let ours = Authority::named("ours");
    let server = Server::answering(ours.server().serve(Some(&ours)), giving).await;
    let files = Files::trusting(&ours).with(&ours.client());
    let setup = setup(&server.url(), &files.paths()).access_tokens(AccessTokens::Off);
    let orchestrator = setup.open(axon_worker::OrchestratorId(0));
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("x-worker-token: t0ken-of-the-tests\r\n"));
}
