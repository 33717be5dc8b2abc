//! The other end of a socket, driven by the test, byte by byte where it must be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
const FINAL: u8 = 0x80;

pub(crate) struct Server {
    pub(crate) url: String,
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, listener }
    }

    /// The next connection, with its request read.
    pub(crate) async fn accepted(&self) -> Peer {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = stream.read_u8().await.expect("a whole request head");
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        Peer { stream, head }
    }

    /// The next connection, agreed to.
    pub(crate) async fn upgraded(&self) -> Peer {
        let mut peer = self.accepted().await;
        let upgrade = peer.upgrade();
        peer.say(&upgrade).await;
        peer
    }

    /// Takes the next connection and answers with this and nothing else.
    pub(crate) async fn answering(&self, answer: &[u8]) -> Peer {
        let mut peer = self.accepted().await;
        peer.say(answer).await;
        peer
    }
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    stream: TcpStream,
    pub(crate) head: String,
}

impl Peer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The answer that agrees to the upgrade.
    pub(crate) fn upgrade(&self) -> Vec<u8> {
        let key = self.header("sec-websocket-key").unwrap();
        let accept = actix_http::ws::hash_key(key.as_bytes());
        let accept = std::str::from_utf8(&accept).unwrap();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
             connection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        )
        .into_bytes()
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// As [`Peer::say`], to a client that may hang up meanwhile.
    pub(crate) async fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.say(&frame(TEXT, text.as_bytes())).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.say(&frame(CLOSE, &payload)).await;
    }

    /// The next frame of the client: its kind and its content.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let second = self.stream.read_u8().await.unwrap();
        assert!(second & 0x80 != 0, "clients mask their frames");
        let length = match second & 0x7f {
            126 => self.stream.read_u16().await.unwrap().into(),
            127 => self.stream.read_u64().await.unwrap(),
            short => short.into(),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await.unwrap();
        let mut content = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut content).await.unwrap();
        for (place, byte) in content.iter_mut().enumerate() {
            *byte ^= mask[place % 4];
        }
        (first & 0x0f, content)
    }

    /// What follows the head of a request.
    pub(crate) async fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        body
    }

    /// The code in the close frame that has to come next.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let (kind, content) = self.frame().await;
        assert_eq!(kind, CLOSE, "{content:?}");
        u16::from_be_bytes(content[..2].try_into().unwrap())
    }
}

/// A whole message in one frame, as a server sends it.
pub(crate) fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    part(FINAL | kind, content)
}

/// A frame with this first byte.
pub(crate) fn part(first: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

/// The head of a frame that announces this length.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(u8::try_from(length).unwrap()),
        126..65_536 => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes
}

/// A message in fragments: the first names the kind, the last is marked.
pub(crate) fn fragments(kind: u8, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = parts.len() - 1;
    let fragment = |(place, content): (usize, &&[u8])| {
        let kind = if place == 0 { kind } else { 0 };
        let first = if place == last { FINAL | kind } else { kind };
        part(first, content)
    };
    parts.iter().enumerate().map(fragment).collect()
}
