//! A stand-in for an orchestrator that costs next to nothing: RXON 1.0b2 over
//! kept-alive connections, answers written beforehand, one thread.
//!
//! It knows no state but how many tasks are left, so it can be asked for tasks as
//! fast as a client can ask. With none left it holds polls as a real one does.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How long a poll is held when there is no task, as avtomatika does by default.
const HOLD: Duration = Duration::from_secs(30);
/// As many digits as task ids have for their number.
const DIGITS: usize = 12;

/// What was asked of the orchestrator so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) polls: AtomicU64,
    pub(crate) tasks: AtomicU64,
    pub(crate) results: AtomicU64,
    pub(crate) beats: AtomicU64,
}

/// A running stand-in. Ends when dropped.
pub(crate) struct Orchestrator {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    _stop: oneshot::Sender<()>,
}

/// An endless supply of tasks.
pub(crate) const ENDLESS: u64 = u64::MAX;

impl Orchestrator {
    /// Listens on a free port and has `supply` tasks called `name` to give away.
    pub(crate) fn start(name: &str, supply: u64) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let desk = (Answers::new(name), supply, counts.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("orchestrator".to_owned())
            .spawn(move || {
                let (answers, supply, counts) = desk;
                let desk = Rc::new(Desk {
                    answers,
                    supply,
                    counts,
                });
                let all = tokio::task::LocalSet::new();
                all.spawn_local(accept(listener, desk));
                all.block_on(&runtime, async { drop(stopped.await) });
            })?;
        Ok(Self {
            address,
            counts,
            _stop: stop,
        })
    }

    pub(crate) fn results(&self) -> u64 {
        self.counts.results.load(Ordering::Relaxed)
    }
}

struct Desk {
    answers: Answers,
    supply: u64,
    counts: Arc<Counts>,
}

impl Desk {
    /// The number of the next task, if there is one left.
    fn next_task(&self) -> Option<u64> {
        let given = self.counts.tasks.load(Ordering::Relaxed);
        (given < self.supply).then(|| self.counts.tasks.fetch_add(1, Ordering::Relaxed))
    }
}

async fn accept(listener: std::net::TcpListener, desk: Rc<Desk>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let desk = desk.clone();
        tokio::task::spawn_local(async move {
            // A client that goes away is no matter.
            drop(serve(socket, &desk).await);
        });
    }
}

async fn serve(mut socket: TcpStream, desk: &Desk) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut unread = Vec::with_capacity(4096);
    let mut task = desk.answers.task.clone();
    loop {
        let request = loop {
            if let Some(request) = Request::at_front_of(&unread) {
                break request;
            }
            if socket.read_buf(&mut unread).await? == 0 {
                return Ok(());
            }
        };
        unread.drain(..request.length);
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let answer: &[u8] = match request.kind {
            Kind::Poll => {
                count(&desk.counts.polls);
                if let Some(number) = desk.next_task() {
                    desk.answers.number(&mut task, number);
                    &task
                } else {
                    tokio::time::sleep(HOLD).await;
                    &desk.answers.nothing
                }
            }
            Kind::Result => {
                count(&desk.counts.results);
                &desk.answers.taken
            }
            Kind::Beat => {
                count(&desk.counts.beats);
                &desk.answers.known
            }
            Kind::Register => &desk.answers.registered,
        };
        socket.write_all(answer).await?;
    }
}

/// All answers, written beforehand.
struct Answers {
    task: Vec<u8>,
    /// Where the number of a task goes.
    numbers: Vec<usize>,
    nothing: Vec<u8>,
    taken: Vec<u8>,
    known: Vec<u8>,
    registered: Vec<u8>,
}

impl Answers {
    fn new(name: &str) -> Self {
        let gap = "#".repeat(DIGITS);
        let id = format!("5fd9454d-0000-4000-8000-{gap}");
        let task = ok(&format!(
            r#"{{"job_id": "{id}", "task_id": "{id}", "type": "{name}", "params": {{"a": 1, "b": "two"}}, "tracing_context": {{}}, "params_metadata": {{}}}}"#
        ));
        let numbers = task
            .windows(DIGITS)
            .enumerate()
            .filter(|(_, window)| *window == gap.as_bytes())
            .map(|(at, _)| at)
            .collect();
        Self {
            task,
            numbers,
            nothing: b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            taken: ok(r#"{"status": "ok"}"#),
            known: ok(r#"{"status": "idle"}"#),
            registered: ok(r#"{"status": "registered"}"#),
        }
    }

    fn number(&self, task: &mut [u8], mut number: u64) {
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        for &at in &self.numbers {
            task[at..at + DIGITS].copy_from_slice(&digits);
        }
    }
}

fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

enum Kind {
    Poll,
    Result,
    Beat,
    Register,
}

struct Request {
    kind: Kind,
    /// Head and body.
    length: usize,
}

impl Request {
    /// The request that begins here, once all of it has arrived.
    fn at_front_of(bytes: &[u8]) -> Option<Self> {
        let kind = match bytes.first()? {
            b'G' => Kind::Poll,
            b'P' if bytes.starts_with(b"PATCH") => Kind::Beat,
            _ if bytes.starts_with(b"POST /_worker/tasks/") => Kind::Result,
            _ => Kind::Register,
        };
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let length = head + body_length(&bytes[..head]);
        (bytes.len() >= length).then_some(Self { kind, length })
    }
}

fn body_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    value
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}
