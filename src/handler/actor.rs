//! Handlers with state: an actor on a thread of its own, which does one task at a
//! time and keeps what it has, such as a loaded model, from task to task.

use std::collections::VecDeque;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::{AnyJob, Call, FromParams, Hold, IntoJob, Job};
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext, TaskError};

/// A task handler with state.
///
/// The worker gives it a thread of its own, so it may block there and need not be
/// `Send`. Tasks reach it as messages, one after the other. When `handle` panics,
/// the state is dropped and made anew for the next task.
///
/// ```
/// use axon_worker::{TaskContext, TaskError, TaskHandler, Worker, actor};
///
/// struct Counter {
///     calls: u64,
/// }
///
/// impl TaskHandler for Counter {
///     type Params = serde_json::Value;
///     type Output = u64;
///
///     async fn handle(&mut self, _: Self::Params, _: TaskContext) -> Result<u64, TaskError> {
///         self.calls += 1;
///         Ok(self.calls)
///     }
/// }
/// # let _ =
/// Worker::builder("example").task("count", actor(|| Ok(Counter { calls: 0 })));
/// ```
pub trait TaskHandler: Sized + 'static {
    /// The parameters, see [`FromParams`].
    type Params: FromParams + 'static;
    /// The data of a success, or a [`Reply`](crate::Reply).
    type Output: crate::IntoOutcome;

    /// Does one task. Dropped at an `await` when the task was cancelled and the grace
    /// time is over, if it asked for the cancel ([`TaskContext::cancellation`]).
    fn handle(
        &mut self,
        params: Self::Params,
        task: TaskContext,
    ) -> impl Future<Output = Result<Self::Output, TaskError>>;
}

/// Registers a handler with state. `make` builds the state on the handler's own
/// thread, when the first task comes, and again after a panic; its error is the
/// failure of that task.
pub fn actor<H, F>(make: F) -> Stateful<H, F>
where
    H: TaskHandler,
    F: Fn() -> Result<H, TaskError> + Send + Sync + 'static,
{
    Stateful(make, PhantomData)
}

/// See [`actor()`].
pub struct Stateful<H, F>(F, PhantomData<fn() -> H>);

impl<H, F> std::fmt::Debug for Stateful<H, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stateful")
    }
}

/// Marks handlers with state among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnActor;

type Make<H> = Arc<dyn Fn() -> Result<H, TaskError> + Send + Sync>;

impl<H, F> IntoJob<OnActor> for Stateful<H, F>
where
    H: TaskHandler,
    F: Fn() -> Result<H, TaskError> + Send + Sync + 'static,
{
    fn into_job(self) -> AnyJob {
        AnyJob(Arc::new(ActorJob::<H> {
            make: Arc::new(self.0),
            host: OnceLock::new(),
        }))
    }
}

struct ActorJob<H: TaskHandler> {
    make: Make<H>,
    host: OnceLock<Recipient<Execute>>,
}

impl<H: TaskHandler> Job for ActorJob<H> {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let host = self.host.get_or_init(|| {
            let make = self.make.clone();
            let thread = Arbiter::new();
            HandlerActor::start_in_arbiter(&thread.handle(), |_| HandlerActor {
                make,
                state: None,
                busy: false,
                waiting: VecDeque::new(),
            })
            .recipient()
        });
        let (reply, outcome) = oneshot::channel();
        let Call {
            params,
            context,
            hold,
            ..
        } = call;
        host.do_send(Execute {
            params,
            context,
            hold,
            reply,
        });
        async move {
            outcome.await.unwrap_or_else(|_| {
                Outcome::Failed(TaskError::transient("the handler's actor ended"))
            })
        }
        .boxed_local()
    }
}

/// One task for a handler actor.
#[derive(Message)]
#[rtype(result = "()")]
struct Execute {
    params: RawJson,
    context: TaskContext,
    hold: Hold,
    reply: oneshot::Sender<Outcome>,
}

/// The actor round a user's state. User code runs inside `catch_unwind`, for a
/// panic in an actor's own future would end the actor.
struct HandlerActor<H: TaskHandler> {
    make: Make<H>,
    /// Taken while a task runs. Boxed, for actors must be `Unpin` and states need not be.
    state: Option<Box<H>>,
    busy: bool,
    waiting: VecDeque<Execute>,
}

impl<H: TaskHandler> Actor for HandlerActor<H> {
    type Context = Context<Self>;
}

impl<H: TaskHandler> Handler<Execute> for HandlerActor<H> {
    type Result = ();

    fn handle(&mut self, task: Execute, ctx: &mut Self::Context) {
        self.waiting.push_back(task);
        self.next(ctx);
    }
}

impl<H: TaskHandler> HandlerActor<H> {
    fn next(&mut self, ctx: &mut Context<Self>) {
        if self.busy {
            return;
        }
        let Some(task) = self.waiting.pop_front() else {
            return;
        };
        self.busy = true;
        let state = self.state.take();
        let work = run(self.make.clone(), state, task);
        ctx.spawn(work.into_actor(self).map(|state, actor, ctx| {
            actor.state = state;
            actor.busy = false;
            actor.next(ctx);
        }));
    }
}

/// Runs one task and gives the state back, unless a panic may have broken it.
async fn run<H: TaskHandler>(
    make: Make<H>,
    state: Option<Box<H>>,
    task: Execute,
) -> Option<Box<H>> {
    let Execute {
        params,
        context,
        hold,
        mut reply,
    } = task;
    if reply.is_closed() {
        // Called off while it waited here.
        return state;
    }
    let mut state = state;
    let span = context.span().clone();
    let body = async {
        let state = match &mut state {
            Some(state) => state,
            empty => empty.insert(Box::new(make()?)),
        };
        state.handle(H::Params::from_params(params)?, context).await
    };
    let body = AssertUnwindSafe(body.instrument(span)).catch_unwind();
    let ended = tokio::select! {
        ended = body => Some(ended),
        // The caller waits for the grace time before it lets go.
        () = reply.closed() => None,
    };
    let (outcome, state) = match ended {
        Some(Ok(returned)) => (Outcome::from(returned), state),
        Some(Err(panic)) => (Outcome::Failed(TaskError::from_panic(&*panic)), None),
        None => (Outcome::Cancelled, state),
    };
    drop(hold);
    let _ = reply.send(outcome);
    state
}
