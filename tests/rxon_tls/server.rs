//! A server with TLS that remembers who came and what was asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection that got through the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    pub(crate) alpn: Option<Vec<u8>>,
    /// The first certificate that it showed.
    pub(crate) certificate: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    guests: RefCell<Vec<Guest>>,
    /// The heads of all requests.
    requests: RefCell<Vec<String>>,
    /// Connections that ended with a goodbye.
    goodbyes: Cell<usize>,
    changed: tokio::sync::Notify,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    state: Rc<State>,
}

/// What the server says to a request, by its head. Nothing: it hangs up.
pub(crate) type Answers = fn(&str) -> Vec<u8>;

/// An answer with status 200.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    status(200, body)
}

pub(crate) fn status(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// As avtomatika does without a worker of that name, and without access tokens.
pub(crate) fn unknown_worker(head: &str) -> Vec<u8> {
    if head.contains("/auth/token") {
        return status(403, r#"{"error": "mTLS certificate required"}"#);
    }
    ok("null")
}

impl Server {
    /// Answers all requests like [`unknown_worker`].
    pub(crate) async fn start(config: Arc<ServerConfig>) -> Self {
        Self::answering(config, unknown_worker).await
    }

    pub(crate) async fn answering(config: Arc<ServerConfig>, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, config, answers)
    }

    pub(crate) fn on(listener: TcpListener, config: Arc<ServerConfig>, answers: Answers) -> Self {
        let port = listener.local_addr().unwrap().port();
        let state = Rc::new(State::default());
        let of_server = Rc::clone(&state);
        actix_rt::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((tcp, _)) = listener.accept().await {
                let (state, acceptor) = (Rc::clone(&of_server), acceptor.clone());
                actix_rt::spawn(async move {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        serve(stream, &state, answers).await;
                    }
                    state.changed.notify_waiters();
                });
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn guests(&self) -> Vec<Guest> {
        self.state.guests.borrow().clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.borrow().clone()
    }

    /// Waits until a connection has ended with a goodbye of the client.
    pub(crate) async fn goodbye(&self) {
        while self.state.goodbyes.get() == 0 {
            self.state.changed.notified().await;
        }
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, state: &State, answers: Answers) {
    let session = stream.get_ref().1;
    let certificates = session.peer_certificates();
    state.guests.borrow_mut().push(Guest {
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        certificate: certificates.map(|chain| chain[0].as_ref().to_vec()),
    });
    let mut bytes = Vec::new();
    loop {
        while let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head: Vec<u8> = bytes.drain(..end + 4).collect();
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| {
                let length = line.strip_prefix("content-length: ")?;
                length.parse::<usize>().ok()
            });
            while bytes.len() < length.unwrap_or(0) {
                if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    return;
                }
            }
            bytes.drain(..length.unwrap_or(0));
            let answer = answers(&head);
            if answer.is_empty() {
                return;
            }
            state.requests.borrow_mut().push(head);
            let _ = stream.write_all(&answer).await;
            let _ = stream.flush().await;
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) => return state.goodbyes.set(state.goodbyes.get() + 1),
            Ok(_) => {}
            // An end without a goodbye is an error.
            Err(_) => return,
        }
    }
}
