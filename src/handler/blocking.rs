//! Functions that block: computing, sleeping, waiting for a device. Each call has
//! a thread to itself, from a pool that is bounded.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::function::{Arguments, Returned};
use super::{AnyHandler, Call, ErasedHandler, HandlerFn, IntoHandler, Need};
use crate::task::Outcome;

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
/// its slot stays taken until it returns. A task that is cancelled while it waits for a
/// thread leaves at once.
///
/// The function is in the context of a live tokio runtime, which is not one of the
/// worker's: `tokio::spawn`, timers and sockets work there, and
/// `tokio::runtime::Handle::current().block_on(..)` waits for a future. What is spawned
/// goes on after the function has returned, and is dropped when the worker has ended.
pub fn blocking<H, Args>(function: H) -> Blocking<H, Args>
where
    H: HandlerFn<Args>,
    Args: Arguments,
    H::Returned: Returned,
{
    Blocking(function, PhantomData)
}

/// See [`blocking()`].
#[derive(Debug, Clone)]
pub struct Blocking<H, Args>(H, PhantomData<fn(Args)>);

/// Marks blocking functions among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnThread<Args>(PhantomData<fn(Args)>);

#[diagnostic::do_not_recommend]
impl<H, Args> IntoHandler<OnThread<Args>> for Blocking<H, Args>
where
    H: HandlerFn<Args>,
    Args: Arguments + 'static,
    H::Returned: Returned,
{
    fn into_handler(self) -> AnyHandler {
        AnyHandler(Arc::new(BlockingFunction::<H, Args>(self.0, PhantomData)))
    }
}

struct BlockingFunction<H, Args>(H, PhantomData<fn(Args)>);

impl<H, Args> ErasedHandler for BlockingFunction<H, Args>
where
    H: HandlerFn<Args>,
    Args: Arguments,
    H::Returned: Returned,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let function = self.0.clone();
        let Call {
            params,
            context,
            hold,
            pool,
        } = call;
        let cancellation = context.cancellation().clone();
        let work = move || {
            let _held = hold;
            let _inside = context.span().clone().entered();
            // It may have waited for this thread, and nobody waits for it any more.
            // From here on nothing can stop it: it has the grace time.
            if context.is_cancelled() {
                return Outcome::Cancelled;
            }
            match Args::take(params, &context) {
                Ok(arguments) => function.call(arguments).into_end(),
                Err(error) => Outcome::Failed(error),
            }
        };
        pool.run(work, cancellation).boxed_local()
    }

    fn needs(&self) -> Vec<Need> {
        Args::needs()
    }
}
