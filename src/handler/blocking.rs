//! Functions that block: computing, sleeping, waiting for a device. Each call has
//! a thread to itself, from a pool that is bounded.

use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::{Builder, Handle, Runtime};

use super::{AnyJob, Call, Handler, IntoJob, Job, Need};
use crate::task::{Outcome, TaskError};

/// Registers a function that blocks its thread.
///
/// ```
/// use axon_worker::{TaskError, Worker, blocking};
///
/// fn count_primes(up_to: u32) -> Result<usize, TaskError> {
///     Ok((2..up_to).filter(|n| (2..*n).all(|d| n % d != 0)).count())
/// }
/// # let _ =
/// Worker::builder("maths").task("count_primes", blocking(count_primes));
/// ```
///
/// A thread cannot be stopped from outside: look at
/// [`TaskContext::is_cancelled`](crate::TaskContext::is_cancelled) now and then. A
/// function that does not is reported as `cancelled` after the grace time, and
/// its slot stays taken until it returns.
pub fn blocking<H>(function: H) -> Blocking<H> {
    Blocking(function)
}

/// See [`blocking()`].
#[derive(Debug, Clone)]
pub struct Blocking<H>(H);

/// Marks blocking functions among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnThread<Args>(PhantomData<fn(Args)>);

impl<H, Args> IntoJob<OnThread<Args>> for Blocking<H>
where
    H: Handler<Args>,
    H::Returned: Into<Outcome>,
    Args: 'static,
{
    fn into_job(self) -> AnyJob {
        AnyJob(Arc::new(BlockingJob::<H, Args>(self.0, PhantomData)))
    }
}

struct BlockingJob<H, Args>(H, PhantomData<fn(Args)>);

impl<H, Args> Job for BlockingJob<H, Args>
where
    H: Handler<Args>,
    H::Returned: Into<Outcome>,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let function = self.0.clone();
        let Call {
            params,
            context,
            hold,
            pool,
        } = call;
        let done = pool.run(move || {
            let _held = hold;
            let _inside = context.span().clone().entered();
            // It may have waited for this thread, and nobody waits for it any more.
            // From here on nothing can stop it: it has the grace time.
            if context.is_cancelled() {
                return Outcome::Cancelled;
            }
            match function.invoke(params, &context) {
                Ok(returned) => returned.into(),
                Err(error) => Outcome::Failed(error),
            }
        });
        done.boxed_local()
    }

    fn needs(&self) -> Vec<Need> {
        H::needs()
    }
}

/// Keeps the threads of a [`BlockingPool`]. Dropped, it leaves busy ones behind
/// instead of waiting for them, as dropping a runtime would.
pub(crate) struct BlockingThreads(Option<Runtime>);

impl Drop for BlockingThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads of blocking handlers.
///
/// They belong to a tokio runtime that drives nothing else: its pool of blocking
/// threads is bounded, reuses threads and lets them go when idle, and unlike the
/// pool of an arbiter it can be left behind when a thread never returns.
#[derive(Clone)]
pub(crate) struct BlockingPool {
    handle: Handle,
    busy: Arc<AtomicUsize>,
}

impl BlockingPool {
    /// A pool of at most `threads`, for as long as the guard is kept.
    pub(crate) fn start(threads: usize) -> std::io::Result<(BlockingThreads, Self)> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads.max(1))
            .thread_name("axon-blocking")
            .thread_keep_alive(Duration::from_secs(10))
            .build()?;
        let pool = Self {
            handle: runtime.handle().clone(),
            busy: Arc::new(AtomicUsize::new(0)),
        };
        Ok((BlockingThreads(Some(runtime)), pool))
    }

    /// Threads that are in user code now.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    fn run<W>(&self, work: W) -> impl Future<Output = Outcome> + use<W>
    where
        W: FnOnce() -> Outcome + Send + 'static,
    {
        let busy = self.busy.clone();
        let waiting = Waiting(Arc::new(Mutex::new(Some(work))));
        let work = Waiting(waiting.0.clone());
        let thread = self.handle.spawn_blocking(move || {
            let Some(work) = work.take() else {
                return Ok(Outcome::Cancelled);
            };
            busy.fetch_add(1, Ordering::Relaxed);
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
            busy.fetch_sub(1, Ordering::Relaxed);
            outcome
        });
        async move {
            let _waiting = waiting;
            match thread.await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Outcome::Failed(TaskError::from_panic(&*panic)),
                Err(_) => Outcome::Failed(TaskError::transient("the worker is shutting down")),
            }
        }
    }
}

/// Work that waits for a thread. Dropped by whoever wants it, the work is dropped as well,
/// with the slot that it holds: the queue of the runtime would keep it until a thread is free.
struct Waiting<W>(Arc<Mutex<Option<W>>>);

impl<W> Waiting<W> {
    fn take(&self) -> Option<W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<W> Drop for Waiting<W> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("busy", &self.busy())
            .finish_non_exhaustive()
    }
}
