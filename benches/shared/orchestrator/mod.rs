//! A stand-in for an orchestrator that costs next to nothing: RXON 1.0b2 and 1.0b17
//! over kept-alive connections, answers written beforehand, one thread.
//!
//! It believes everything: it knows no workers, verifies no signature and takes every
//! result. What it knows is how many tasks there are to give; with none left it holds
//! polls as a real one does. It can note when each task was handed out and came back
//! (`book.rs`), send commands over a WebSocket (`commands.rs`), and fail (`Fault`).

mod answers;
mod book;
mod commands;
mod desk;
mod request;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

pub(crate) use book::Book;
use desk::Desk;
pub(crate) use desk::{Counts, Fault};
use serve::Order;

/// An endless supply of tasks.
pub(crate) const ENDLESS: u64 = u64::MAX;

/// What an orchestrator has to give.
pub(crate) struct Work {
    /// Name of the tasks.
    pub(crate) task: &'static str,
    /// Their parameters, a JSON object.
    pub(crate) params: String,
    /// How many there are from the beginning.
    pub(crate) supply: u64,
    /// Whether the next one goes out only when the last one has come back.
    pub(crate) one_by_one: bool,
    /// Whether each task is noted. Without, only counters are kept.
    pub(crate) notes: bool,
}

impl Work {
    /// So many tasks with a few small parameters, of which nothing is noted.
    pub(crate) fn of(task: &'static str, supply: u64) -> Self {
        Self {
            task,
            params: r#"{"a": 1, "b": "two"}"#.to_owned(),
            supply,
            one_by_one: false,
            notes: false,
        }
    }

    /// Tasks of which everything is noted.
    pub(crate) fn noted(task: &'static str, supply: u64) -> Self {
        Self {
            notes: true,
            ..Self::of(task, supply)
        }
    }

    pub(crate) fn with_params(mut self, params: impl Into<String>) -> Self {
        self.params = params.into();
        self
    }
}

/// A running stand-in. Ends when dropped.
pub(crate) struct Orchestrator {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Orchestrator {
    /// Listens on a free port of loopback.
    pub(crate) fn start(work: Work) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk::new(work));
        let (orders, ordered) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let its_desk = desk.clone();
        std::thread::Builder::new()
            .name("orchestrator".to_owned())
            .spawn(move || {
                let all = tokio::task::LocalSet::new();
                let served = all.block_on(&runtime, serve::run(listener, its_desk, ordered));
                if let Err(error) = served {
                    eprintln!("the stand-in for an orchestrator ended: {error}");
                }
            })?;
        Ok(Self {
            address,
            desk,
            orders,
        })
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.desk.counts
    }

    /// How many results have come.
    pub(crate) fn results(&self) -> u64 {
        self.desk.counts.results.load(Relaxed)
    }

    /// When a worker registered for the first time.
    pub(crate) fn registered(&self) -> Option<Instant> {
        self.desk.registered.get().copied()
    }

    /// One more task to give, due at this time.
    pub(crate) fn offer(&self, due: Instant) {
        self.desk.offer(due);
    }

    /// What was noted so far.
    pub(crate) fn book(&self) -> Book {
        self.desk.noted()
    }

    /// From now on requests meet this.
    pub(crate) fn fail(&self, fault: Fault) {
        self.desk.set_fault(fault);
    }

    /// Hangs up on everybody and listens no more.
    pub(crate) fn go_down(&self) {
        // The thread ends only with this handle.
        let _ = self.orders.send(Order::Down);
    }

    /// Listens again, on the same port.
    pub(crate) fn come_up(&self) {
        let _ = self.orders.send(Order::Up);
    }

    /// How many workers listen for commands.
    pub(crate) fn listeners(&self) -> usize {
        self.desk.commands.listeners()
    }

    /// Calls a task off.
    pub(crate) fn cancel(&self, number: u64) {
        self.desk.commands.cancel(&answers::task_id(number));
    }
}

/// Looks every few milliseconds whether something is reached, for `limit` at most.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut reached: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    let began = Instant::now();
    while !reached()? {
        if began.elapsed() > limit {
            return Err(io::Error::other(format!("{what}: not within {limit:?}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
