//! Bodies that are cut off by a server that takes its leave as if nothing were missing.

use std::sync::Arc;

use axon_worker::OrchestratorId;
use axon_worker::config::AccessTokens;
use axon_worker::transport::{Offer, Transport, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Files};
use super::setup;

const TASK: &str = r#"{"job_id": "j", "task_id": "t", "type": "echo", "params": {}}"#;

#[actix_rt::test]
async fn chunks_without_an_end_are_noticed_although_the_server_says_goodbye() {
    let ours = Authority::named("ours");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(ours.server().serve(None));
    let serve = async {
        for end in ["", "0\r\n\r\n"] {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(tcp).await.unwrap();
            stream.read_buf(&mut Vec::new()).await.unwrap();
            let said = format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{TASK}\r\n{end}",
                TASK.len()
            );
            stream.write_all(said.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    };
    let files = Files::trusting(&ours);
    let setup = setup(&url, &files.paths()).access_tokens(AccessTokens::Off);
    let orchestrator = setup.open(OrchestratorId(0));
    let poll = || {
        orchestrator.poll(Offer {
            available: Arc::new(["echo".into()]),
            hot: Arc::new([]),
        })
    };
    let polls = async { (poll().await, poll().await) };
    let ((cut, whole), ()) = tokio::join!(polls, serve);
    assert!(matches!(cut, Err(TransportError::CutOff { .. })), "{cut:?}");
    assert!(matches!(whole, Ok(Some(_))), "{whole:?}");
}
