//! Async functions that run on the control thread itself, because they never hold it
//! up: two changes of threads less for each task.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::future::LocalBoxFuture;
use tracing::warn;

use super::function::{Arguments, AsyncFunction, Returned};
use super::{AnyHandler, Call, ErasedHandler, HandlerFn, IntoHandler, Need};
use crate::id::TaskName;
use crate::json::RawJson;
use crate::policy::Slowness;
use crate::storage::may_name_objects;
use crate::task::Outcome;

/// Tasks with larger parameters go to a handler thread: reading them takes a while.
const PARAMS: usize = 64 * 1024;

/// Registers an async function that promises never to hold up the thread it runs on: it
/// waits with `.await` only, and computes for microseconds. It runs on the control
/// thread, beside polls, heartbeats and results, and saves each task two changes of
/// threads.
///
/// ```
/// use axon_worker::{RawJson, TaskError, Worker, inline};
///
/// async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
///     Ok(params)
/// }
/// # let _ =
/// Worker::builder("small").task("echo", inline(echo));
/// ```
///
/// A function that breaks the promise holds up **everything** the worker does. It is
/// watched: after a step between two `.await`s of more than 100 ms, or three of more than
/// 5 ms within a minute, the log has a warning, and the function runs on handler threads
/// from then on, as it would without `inline`. Tasks with more than 64 KiB of parameters,
/// or with `s3://` in them, run there in any case.
///
/// The promise covers the middleware round the function. A panic is that task's failure,
/// as everywhere. `spawn_blocking` does not belong in such a function: the worker would
/// wait for it when it ends.
pub fn inline<H>(function: H) -> Inline<H> {
    Inline(function)
}

/// See [`inline()`].
#[derive(Debug, Clone)]
pub struct Inline<H>(H);

/// Marks functions for the control thread among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnControl<Args>(PhantomData<fn(Args)>);

#[diagnostic::do_not_recommend]
impl<H, Args, R> IntoHandler<OnControl<Args>> for Inline<H>
where
    H: HandlerFn<Args>,
    Args: Arguments + 'static,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AnyHandler(Arc::new(InlineJob {
            job: AsyncFunction::<H, Args>::new(self.0),
            watch: Arc::default(),
        }))
    }
}

struct InlineJob<H, Args> {
    job: AsyncFunction<H, Args>,
    watch: Arc<InlineWatch>,
}

impl<H, Args, R> ErasedHandler for InlineJob<H, Args>
where
    H: HandlerFn<Args>,
    Args: Arguments,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        self.job.call(call)
    }

    fn inline(&self) -> Option<Arc<InlineWatch>> {
        Some(self.watch.clone())
    }

    fn needs(&self) -> Vec<Need> {
        Args::needs()
    }
}

/// Watches whether a function keeps its promise.
#[derive(Debug, Default)]
pub(crate) struct InlineWatch {
    is_broken: AtomicBool,
    slowness: Mutex<Slowness>,
}

impl InlineWatch {
    /// Whether a task with these parameters may run on the control thread.
    pub(crate) fn allows(&self, params: &RawJson) -> bool {
        !self.is_broken.load(Ordering::Relaxed)
            && params.as_bytes().len() <= PARAMS
            && !may_name_objects(params.as_str())
    }

    /// Runs a task and looks at the clock before and after each of its steps.
    pub(crate) async fn watched(self: Arc<Self>, name: TaskName, task: impl Future<Output = ()>) {
        let mut task = pin!(task);
        poll_fn(|cx| {
            let began = Instant::now();
            let polled = task.as_mut().poll(cx);
            self.took(&name, began, Instant::now());
            polled
        })
        .await;
    }

    fn took(&self, name: &TaskName, began: Instant, ended: Instant) {
        let took = ended - began;
        if took < Slowness::SHORT {
            return;
        }
        let mut slowness = self.slowness.lock().unwrap_or_else(PoisonError::into_inner);
        if slowness.is_too_much(took, ended) && !self.is_broken.swap(true, Ordering::Relaxed) {
            warn!(
                kind = %name, ?took,
                "an inline handler held up the control thread, it runs on handler threads from now on"
            );
        }
    }
}
