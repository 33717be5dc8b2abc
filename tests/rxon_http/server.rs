//! A server that says exactly the bytes it was told to. No HTTP library would
//! break its own protocol for a test.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does once it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// These bytes, and the next request on the same connection.
    Say(Vec<u8>),
    /// These bytes, and then silence until the client goes away.
    SayAndHang(Vec<u8>),
    /// These bytes, and then a blank every 10 ms until the client goes away.
    SayAndDrip(Vec<u8>),
    /// After this time the first bytes, and then the others by 2000, with as much time in
    /// between.
    Slowly(Duration, Vec<u8>, Vec<u8>, Duration),
    /// These bytes, then the connection closes.
    SayAndClose(Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then_some(value)
        })
    }
}

#[derive(Default)]
struct State {
    /// One list of acts per connection to come.
    script: RefCell<VecDeque<Vec<Act>>>,
    /// What the connections beyond that say, in the order in which they are asked. When
    /// there is nothing left, they are closed.
    answers: RefCell<VecDeque<Vec<u8>>>,
    seen: RefCell<Vec<Seen>>,
    connections: Cell<usize>,
    closed: Cell<usize>,
    changed: Notify,
}

pub(crate) struct Server {
    pub(crate) url: String,
    state: Rc<State>,
}

impl Server {
    /// A server that plays one list of acts per connection.
    pub(crate) async fn playing(connections: impl IntoIterator<Item = Vec<Act>>) -> Self {
        Self::start(connections.into_iter().collect(), VecDeque::new()).await
    }

    /// A server that answers every request, on whatever connection, with the next of these.
    pub(crate) async fn saying(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::start(VecDeque::new(), answers.into_iter().collect()).await
    }

    async fn start(script: VecDeque<Vec<Act>>, answers: VecDeque<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Rc::new(State {
            script: RefCell::new(script),
            answers: RefCell::new(answers),
            ..State::default()
        });
        let of_server = Rc::clone(&state);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Rc::clone(&of_server);
                state.connections.set(state.connections.get() + 1);
                let acts = state.script.borrow_mut().pop_front();
                actix_rt::spawn(async move {
                    match acts {
                        Some(acts) => play(stream, acts, &state).await,
                        None => answer_all(stream, &state).await,
                    }
                    state.closed.set(state.closed.get() + 1);
                    state.changed.notify_waiters();
                });
            }
        });
        Self { url, state }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.borrow().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.get()
    }

    /// Waits until that many requests have arrived.
    pub(crate) async fn received(&self, requests: usize) {
        self.until(|state| state.seen.borrow().len() >= requests)
            .await;
    }

    /// Waits until that many connections have ended.
    pub(crate) async fn closed(&self, connections: usize) {
        self.until(|state| state.closed.get() >= connections).await;
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        let wait = async {
            while !reached(&self.state) {
                self.state.changed.notified().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        let waited = tokio::time::timeout(patience, wait).await;
        waited.expect("what the test waits for never happened");
    }
}

async fn answer_all(mut stream: TcpStream, state: &State) {
    while !state.answers.borrow().is_empty()
        && let Some(seen) = request(&mut stream).await
    {
        state.seen.borrow_mut().push(seen);
        state.changed.notify_waiters();
        let Some(answer) = state.answers.borrow_mut().pop_front() else {
            return;
        };
        let _ = stream.write_all(&answer).await;
    }
}

async fn play(mut stream: TcpStream, acts: Vec<Act>, state: &State) {
    for act in acts {
        let Some(seen) = request(&mut stream).await else {
            return;
        };
        state.seen.borrow_mut().push(seen);
        state.changed.notify_waiters();
        match act {
            Act::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
            Act::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Act::SayAndHang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read(&mut [0]).await;
                return;
            }
            Act::Slowly(after, first, rest, pause) => {
                tokio::time::sleep(after).await;
                let _ = stream.write_all(&first).await;
                for piece in rest.chunks(2000) {
                    tokio::time::sleep(pause).await;
                    let _ = stream.write_all(piece).await;
                }
            }
            Act::SayAndDrip(bytes) => {
                let _ = stream.write_all(&bytes).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                return;
            }
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut seen = Seen { head, body: bytes };
    let length = seen
        .header("content-length")
        .map_or(0, |it| it.parse().unwrap());
    while seen.body.len() < length {
        if stream.read_buf(&mut seen.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(seen)
}

/// A complete answer.
pub(crate) fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n")
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An answer with status 200.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer(200, "content-type: application/json\r\n", body)
}
