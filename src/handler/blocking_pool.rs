//! The threads of blocking functions.

use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::ticket::Ticket;
use crate::task::{Cancellation, ErrorCode, Interruption, Outcome, TaskError};

/// Keeps the threads of a [`BlockingPool`]. Dropped, it leaves busy ones behind
/// instead of waiting for them, as dropping a runtime would.
pub(crate) struct BlockingThreads {
    runtime: Option<Runtime>,
    live: Arc<LiveRuntime>,
}

impl Drop for BlockingThreads {
    fn drop(&mut self) {
        self.live.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads of blocking handlers.
///
/// They belong to a tokio runtime that drives nothing else: its pool of blocking
/// threads is bounded, reuses threads and lets them go when idle, and unlike the
/// pool of an arbiter it can be left behind when a thread never returns.
///
/// The runtime that handlers find in their context is another one, see [`LiveRuntime`].
#[derive(Clone)]
pub(crate) struct BlockingPool {
    handle: Handle,
    live: Arc<LiveRuntime>,
    busy: Arc<AtomicUsize>,
}

impl BlockingPool {
    /// A pool of at most `threads`, for as long as the guard is kept.
    pub(crate) fn start(threads: usize) -> io::Result<(BlockingThreads, Self)> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads.max(1))
            .thread_name("axon-blocking")
            .thread_keep_alive(Duration::from_secs(10))
            .build()?;
        let live = Arc::<LiveRuntime>::default();
        let pool = Self {
            handle: runtime.handle().clone(),
            live: live.clone(),
            busy: Arc::new(AtomicUsize::new(0)),
        };
        let threads = BlockingThreads {
            runtime: Some(runtime),
            live,
        };
        Ok((threads, pool))
    }

    /// Threads that are in user code now.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Does work on a thread of the pool. Work that still waits for a thread when its task
    /// is cancelled, or when the future is dropped, is dropped there and then.
    pub(super) fn run<W>(
        &self,
        work: W,
        cancellation: Cancellation,
    ) -> impl Future<Output = Outcome> + use<W>
    where
        W: FnOnce() -> Outcome + Send + 'static,
    {
        let ticket = Ticket::new(work);
        let waiting = ticket.withdraw_on_drop();
        let started = self.live.handle().map(|live| {
            let (ticket, busy) = (ticket.clone(), self.busy.clone());
            self.handle.spawn_blocking(move || {
                let Some(work) = ticket.take() else {
                    return Ok(Outcome::Cancelled);
                };
                let _inside = live.enter();
                busy.fetch_add(1, Ordering::Relaxed);
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
                busy.fetch_sub(1, Ordering::Relaxed);
                outcome
            })
        });

        async move {
            let _waiting = waiting;
            let mut thread = match started {
                Ok(thread) => thread,
                Err(error) => {
                    let text = format!("no thread for blocking handlers: {error}");
                    return Outcome::Failed(TaskError::new(ErrorCode::ResourceExhausted, text));
                }
            };
            let ended = tokio::select! {
                biased;
                ended = &mut thread => ended,
                () = cancellation.cancelled() => {
                    if ticket.take().is_some() {
                        return Outcome::Cancelled;
                    }
                    thread.await
                }
            };

            match ended {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Outcome::Failed(TaskError::from_panic(&*panic)),
                Err(_) => Outcome::Interrupted(Interruption::ShutDown),
            }
        }
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("busy", &self.busy())
            .finish_non_exhaustive()
    }
}

/// The runtime that blocking handlers are in: what they spawn runs, and their timers and
/// sockets work. It has a thread of its own, started with the first blocking task, and
/// shares nothing with the worker's runtimes, so nothing that is spawned there holds up
/// anything but its like. Its own blocking threads are not those of the pool, so a handler
/// that waits for one of them does not wait for its own kind.
#[derive(Default)]
struct LiveRuntime(Mutex<Option<Driver>>);

struct Driver {
    handle: Handle,
    /// Dropped, it ends the thread.
    _running: oneshot::Sender<()>,
}

impl LiveRuntime {
    fn handle(&self) -> io::Result<Handle> {
        let mut driver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let driver = match &mut *driver {
            Some(driver) => driver,
            empty => empty.insert(Driver::start()?),
        };
        Ok(driver.handle.clone())
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Driver {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("axon-blocking-rt")
            .build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        thread::Builder::new()
            .name("axon-blocking-rt".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(ended);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            handle,
            _running: running,
        })
    }
}
