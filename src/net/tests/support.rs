//! A resolver, an origin and a proxy for tests.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::net::lookup::Resolve;
use crate::net::proxy::ProxyRules;
use crate::net::target::Target;

/// Answers every name with the same addresses, and remembers what it was asked.
#[derive(Default)]
pub(super) struct FakeResolver {
    pub(super) addresses: Vec<SocketAddr>,
    /// `None`: it never answers.
    pub(super) after: Option<Duration>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl FakeResolver {
    pub(super) fn new(addresses: &[SocketAddr], after: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            addresses: addresses.to_vec(),
            after,
            asked: Mutex::default(),
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for FakeResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.asked.lock().unwrap().push(host);
        let (addresses, after) = (self.addresses.clone(), self.after);
        // As with the one of the system, the time is that of the lookup, not of its polls.
        let end = after.map(|after| tokio::time::Instant::now() + after);
        Box::pin(async move {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
            Ok(addresses)
        })
    }
}

pub(super) fn target(url: &str) -> Target {
    Target::of(&url.parse().unwrap()).unwrap()
}

pub(super) fn rules(vars: &[(&str, &str)]) -> Arc<ProxyRules> {
    let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Arc::new(ProxyRules::from_vars(vars))
}

/// Answers every request on every connection with `200` and the body `ok`.
pub(super) async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            actix_rt::spawn(answer_requests(stream));
        }
    });
    at
}

pub(super) async fn answer_requests<S>(mut stream: S)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while read_head(&mut stream).await.is_some() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Reads up to an empty line.
async fn read_head<S>(stream: &mut S) -> Option<String>
where
    S: tokio::io::AsyncRead + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// What a proxy does with a request.
#[derive(Clone)]
pub(super) enum Does {
    /// Opens a tunnel to this address, whatever the request names.
    Tunnel(SocketAddr),
    /// The same if the request has this `Proxy-Authorization`, and 407 otherwise.
    TunnelFor(&'static str, SocketAddr),
    Answer(&'static str),
    Nothing,
    /// Sends headers for as long as somebody reads them.
    Flood,
    Close,
}

pub(super) struct TestProxy {
    pub(super) at: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    pub(super) async fn new(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_rt::spawn(serve(stream, does.clone(), seen.clone()));
            }
        });
        Self { at, requests }
    }

    /// The first lines of the requests it got.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, does: Does, seen: Arc<Mutex<Vec<String>>>) {
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    let line = head.lines().next().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(line);

    match does {
        Does::Tunnel(to) => tunnel(stream, to).await,
        Does::TunnelFor(wanted, to) => {
            if head.contains(&format!("Proxy-Authorization: {wanted}\r\n")) {
                tunnel(stream, to).await;
            } else {
                let refusal = b"HTTP/1.1 407 Who are you, hunter2?\r\n\r\n";
                let _ = stream.write_all(refusal).await;
            }
        }
        Does::Answer(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.read_u8().await;
        }
        Does::Nothing => drop(stream.read_u8().await),
        Does::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(b"x-more: and more\r\n").await.is_ok() {}
        }
        Does::Close => {}
    }
}

async fn tunnel(mut stream: TcpStream, to: SocketAddr) {
    let mut onward = TcpStream::connect(to).await.unwrap();
    let opened = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    stream.write_all(opened).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
}
