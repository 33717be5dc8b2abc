//! Results that are too large for a server that hangs up before it has read them.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::RxonVersion;
use axon_worker::transport::{Transport, TransportError};
use axon_worker::{OrchestratorId, Outcome, RawJson, Reply, Task, TaskResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::server::ok;
use super::{report, speaking};

/// Nearly as much as is sent at all.
const LARGE: usize = 1_000_000;

/// A server that looks at nothing but heads. It answers small requests, and says these
/// bytes to large ones before it hangs up.
struct Impatient {
    url: String,
    large_requests: Rc<Cell<usize>>,
}

impl Impatient {
    async fn saying(last_words: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let large_requests = Rc::new(Cell::new(0));
        let counter = Rc::clone(&large_requests);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Rc::clone(&counter);
                actix_rt::spawn(serve(stream, last_words, counter));
            }
        });
        Self {
            url,
            large_requests,
        }
    }
}

async fn serve(mut stream: TcpStream, last_words: &[u8], large_requests: Rc<Cell<usize>>) {
    loop {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if length > 256 * 1024 {
            large_requests.set(large_requests.get() + 1);
            let _ = stream.write_all(last_words).await;
            // Unread bytes make it a reset.
            return;
        }
        let mut rest = vec![0; length - (bytes.len() - end)];
        stream.read_exact(&mut rest).await.unwrap();
        stream.write_all(&ok("{}")).await.unwrap();
    }
}

fn result(size: usize) -> Arc<TaskResult> {
    let task = Task::new(OrchestratorId(0), "t", "j", "echo", RawJson::empty_object());
    let reply = Reply::success(&"x".repeat(size)).unwrap();
    let outcome = Outcome::Completed(reply);
    Arc::new(TaskResult::of(&task, outcome, Duration::ZERO))
}

#[actix_rt::test]
async fn a_refusal_is_read_although_it_came_before_all_was_sent() {
    let refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let server = Impatient::saying(refusal).await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b2);
    let error = orchestrator.deliver(result(LARGE)).await.unwrap_err();
    assert!(
        matches!(error, TransportError::TooLarge { size } if size > LARGE),
        "{error}"
    );
    assert_eq!(server.large_requests.get(), 1);
}

#[actix_rt::test]
async fn a_large_result_that_is_cut_off_each_time_is_too_large_in_the_end() {
    let server = Impatient::saying(b"").await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b2);
    for _ in 0..2 {
        let error = orchestrator.deliver(result(LARGE)).await.unwrap_err();
        assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
        orchestrator.heartbeat(report()).await.unwrap();
    }
    let error = orchestrator.deliver(result(LARGE)).await.unwrap_err();
    assert!(
        matches!(error, TransportError::TooLarge { size } if size > LARGE),
        "{error}"
    );
    assert_eq!(server.large_requests.get(), 3);
}

#[actix_rt::test]
async fn a_server_that_is_away_for_everybody_says_nothing_of_sizes() {
    let server = Impatient::saying(b"").await;
    let orchestrator = speaking(&server.url, RxonVersion::V1_0b2);
    for _ in 0..5 {
        let error = orchestrator.deliver(result(LARGE)).await.unwrap_err();
        assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
    }
}
