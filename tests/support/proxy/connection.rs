//! One client and its way to the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Shared;
use super::fault::{Fault, Kind};
use super::message::{Message, Peer};

const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
    content-length: 16\r\n\r\ntry again later\n";
/// How long a connection is left idle before it is reset.
const IDLE: Duration = Duration::from_millis(5);
const PIECES: usize = 8;

/// What happens to the client's connection after an exchange.
enum Then {
    Next,
    Close,
    Reset,
    /// It stays open, and nobody answers.
    Silence,
}

pub(super) async fn serve(shared: Arc<Shared>, client: TcpStream) {
    // Small messages both ways: waiting for more only costs time.
    let _ = client.set_nodelay(true);
    let mut line = Line {
        client: Peer::new(client),
        server: None,
        number: shared.note(|ledger| {
            ledger.connections += 1;
            ledger.connections
        }),
        shared,
    };
    let then = loop {
        match line.exchange().await {
            Ok(Then::Next) => {}
            Ok(then) => break then,
            Err(_) => break Then::Close,
        }
    };
    match then {
        Then::Reset => drop(line.client.stream.set_zero_linger()),
        Then::Silence => line.client.closed().await,
        Then::Next | Then::Close => drop(line.client.stream.shutdown().await),
    }
}

struct Line {
    client: Peer,
    server: Option<Peer>,
    number: usize,
    shared: Arc<Shared>,
}

impl Line {
    async fn exchange(&mut self) -> io::Result<Then> {
        let request = match self.request().await? {
            Ok(request) => request,
            Err(then) => return Ok(then),
        };
        let words = request.first_line();
        let kind = Kind::of(words[0], words.get(1).unwrap_or(&""));
        let fault = self.shared.decide(kind);
        self.shared.note(|ledger| {
            *ledger.seen.entry(kind).or_default() += 1;
            if let Some(fault) = fault {
                *ledger.spoiled.entry((kind, fault)).or_default() += 1;
            }
        });
        match fault {
            Some(Fault::DropRequest) => return Ok(Then::Close),
            Some(Fault::Reset) => return Ok(Then::Reset),
            Some(Fault::Hang) => return Ok(Then::Silence),
            Some(Fault::Unavailable) => {
                self.client.stream.write_all(UNAVAILABLE).await?;
                return Ok(Then::Next);
            }
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            _ => {}
        }
        let Some(answer) = self.answer(kind, &request).await? else {
            return Ok(Then::Close);
        };
        if kind == Kind::Result && answer.is_ok() {
            self.accepted(&request);
        }
        if fault == Some(Fault::Duplicate) {
            tokio::spawn(repeat(Arc::clone(&self.shared), kind, request));
        }
        if kind == Kind::Poll && answer.is_ok() {
            return self.hand_out(answer, fault).await;
        }
        self.give(&answer, fault).await
    }

    /// The next request, or why there is none.
    async fn request(&mut self) -> io::Result<Result<Message, Then>> {
        let server_closed = async {
            match &mut self.server {
                Some(server) => server.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            request = self.client.message() => Ok(request?.ok_or(Then::Close)),
            () = server_closed => Ok(Err(Then::Close)),
            () = self.shared.reset_idle.notified() => {
                self.shared.note(|ledger| ledger.idle_resets += 1);
                Ok(Err(Then::Reset))
            }
        }
    }

    /// What the server says; `None` when it says nothing, or nobody listens any more.
    async fn answer(&mut self, kind: Kind, request: &Message) -> io::Result<Option<Message>> {
        let server = match &mut self.server {
            Some(server) => server,
            none => none.insert(connect(self.shared.upstream).await?),
        };
        server.stream.write_all(&request.bytes).await?;
        tokio::select! {
            answer = server.message() => answer,
            () = self.client.closed() => Ok(None),
            () = self.shared.cut.notified() => {
                self.server = None;
                self.shared
                    .note(|ledger| ledger.cut_polls += usize::from(kind == Kind::Poll));
                Ok(None)
            }
        }
    }

    fn accepted(&self, request: &Message) {
        if let Some(id) = request.task_id() {
            self.shared
                .note(|ledger| *ledger.accepted.entry(id).or_default() += 1);
        }
    }

    /// A poll was answered with a task.
    async fn hand_out(&mut self, answer: Message, fault: Option<Fault>) -> io::Result<Then> {
        let drawn = self.shared.decide(Kind::Task);
        if let Some(fault) = drawn {
            let key = (Kind::Task, fault);
            self.shared
                .note(|ledger| *ledger.spoiled.entry(key).or_default() += 1);
        }
        let fault = drawn.or(fault);
        let id = answer.task_id().unwrap_or_default();
        let is_spoiled = matches!(
            fault,
            Some(Fault::DropAnswer | Fault::Swallow | Fault::Truncate)
        );
        let then = self.give(&answer, fault).await;
        self.shared.note(|ledger| {
            if is_spoiled || then.is_err() {
                ledger.spoiled_tasks.insert(id);
            } else {
                ledger.handed_out.insert(id, self.number);
            }
        });
        then
    }

    async fn give(&mut self, answer: &Message, fault: Option<Fault>) -> io::Result<Then> {
        let client = &mut self.client.stream;
        match fault {
            Some(Fault::DropAnswer) => Ok(Then::Close),
            Some(Fault::Swallow) => Ok(Then::Silence),
            Some(Fault::Truncate) => {
                client.write_all(&answer.half()).await?;
                Ok(Then::Close)
            }
            Some(Fault::Drip(pause)) => {
                for piece in answer.bytes.chunks(answer.bytes.len().div_ceil(PIECES)) {
                    client.write_all(piece).await?;
                    tokio::time::sleep(pause).await;
                }
                Ok(Then::Next)
            }
            Some(Fault::ResetIdle) => {
                client.write_all(&answer.bytes).await?;
                tokio::time::sleep(IDLE).await;
                Ok(Then::Reset)
            }
            _ => {
                client.write_all(&answer.bytes).await?;
                Ok(Then::Next)
            }
        }
    }
}

/// Sends a copy of a request; its answer is of no interest.
async fn repeat(shared: Arc<Shared>, kind: Kind, request: Message) {
    let Ok(mut server) = connect(shared.upstream).await else {
        return;
    };
    let sent = server.stream.write_all(&request.bytes).await;
    let answer = server.message().await;
    if let (Ok(()), Ok(Some(answer))) = (sent, answer) {
        shared.note(|ledger| {
            ledger.copies += 1;
            if let (Kind::Result, true, Some(id)) = (kind, answer.is_ok(), request.task_id()) {
                *ledger.accepted.entry(id).or_default() += 1;
            }
            if let (Kind::Poll, true, Some(id)) = (kind, answer.is_ok(), answer.task_id()) {
                ledger.spoiled_tasks.insert(id);
            }
        });
    }
}

async fn connect(upstream: SocketAddr) -> io::Result<Peer> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    Ok(Peer::new(stream))
}
