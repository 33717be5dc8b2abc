//! Actors as middleware: tasks reach them as messages, one before the call and one
//! after it. Each [`BeforeTask`] that was answered is followed by exactly one
//! [`AfterTask`], whatever happens to the task.

use std::any::type_name;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tracing::warn;

use super::{Middleware, Next, TaskCall};
use crate::handler::OwnThread;
use crate::json::RawJson;
use crate::task::{ErrorCode, Outcome, TaskContext, TaskError};

/// A handler is about to be called.
#[derive(Debug, Message)]
#[rtype(result = "Before")]
pub struct BeforeTask {
    /// The task, also the place for values to inject, see [`TaskContext::insert`].
    pub task: TaskContext,
    /// What the handler will get.
    pub params: RawJson,
    /// 1, and one more for each [`Then::Again`].
    pub attempt: u32,
}

/// What shall happen to the call.
#[derive(Debug, MessageResponse)]
pub enum Before {
    /// It goes on as it is.
    Proceed,
    /// It goes on with other parameters.
    ProceedWith(RawJson),
    /// It is answered with this instead. No [`AfterTask`] follows.
    Instead(Outcome),
}

/// A handler has returned; or the task was called off, or the handler panicked.
#[derive(Debug, Message)]
#[rtype(result = "Then")]
pub struct AfterTask {
    /// The task.
    pub task: TaskContext,
    /// What came of it; [`Outcome::Cancelled`] when the call was dropped, and then
    /// nobody waits for the answer.
    pub outcome: Outcome,
    /// How long the call took.
    pub took: Duration,
    /// As in [`BeforeTask`].
    pub attempt: u32,
}

/// What shall happen to the outcome.
#[derive(Debug, MessageResponse)]
pub enum Then {
    /// This is the outcome.
    Return(Outcome),
    /// Call the handler once more after this time, beginning with [`BeforeTask`].
    Again(Duration),
}

/// An actor as middleware. `make` is called on a thread of the actor's own when the
/// first task comes, and again after a panic has ended the actor.
///
/// ```
/// use actix::prelude::*;
/// use axon_worker::middleware::{self, AfterTask, Before, BeforeTask, Then};
/// use axon_worker::Worker;
///
/// /// Counts the calls and tells each handler its number.
/// #[derive(Default)]
/// struct Numbering {
///     calls: u64,
/// }
///
/// struct Number(u64);
///
/// impl Actor for Numbering {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<BeforeTask> for Numbering {
///     type Result = Before;
///
///     fn handle(&mut self, call: BeforeTask, _: &mut Self::Context) -> Before {
///         self.calls += 1;
///         call.task.insert(Number(self.calls));
///         Before::Proceed
///     }
/// }
///
/// impl Handler<AfterTask> for Numbering {
///     type Result = Then;
///
///     fn handle(&mut self, call: AfterTask, _: &mut Self::Context) -> Then {
///         Then::Return(call.outcome)
///     }
/// }
/// # let _ =
/// Worker::builder("example").middleware(middleware::actor(Numbering::default));
/// ```
pub fn actor<A, F>(make: F) -> ActorMiddleware<A>
where
    A: Actor<Context = Context<A>> + Handler<BeforeTask> + Handler<AfterTask>,
    F: Fn() -> A + Send + Sync + 'static,
{
    ActorMiddleware(Arc::new(Home::Ours(OwnThread::new(make))))
}

/// An actor that runs already, wherever its owner started it, as middleware. When it
/// ends, tasks fail.
pub fn address<A>(address: Addr<A>) -> ActorMiddleware<A>
where
    A: Actor + Handler<BeforeTask> + Handler<AfterTask>,
    A::Context: ToEnvelope<A, BeforeTask> + ToEnvelope<A, AfterTask>,
{
    ActorMiddleware(Arc::new(Home::Theirs(address)))
}

/// See [`actor()`] and [`address()`].
pub struct ActorMiddleware<A: Actor>(Arc<Home<A>>);

/// Where the actor is.
enum Home<A: Actor> {
    /// On a thread of ours, whose end is that of the actor.
    Ours(OwnThread<A>),
    /// Wherever its owner started it.
    Theirs(Addr<A>),
}

impl<A: Actor> fmt::Debug for ActorMiddleware<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorMiddleware({})", type_name::<A>())
    }
}

impl<A: Actor> Home<A> {
    /// The actor, started anew where it has ended and that is possible.
    fn reach(&self) -> Result<Addr<A>, TaskError> {
        match self {
            Self::Theirs(address) => Ok(address.clone()),
            Self::Ours(thread) => thread.actor().map_err(|error| {
                let name = type_name::<A>();
                let text = format!("no thread for the middleware {name}: {error}");
                TaskError::new(ErrorCode::ResourceExhausted, text)
            }),
        }
    }

    fn forget(&self, ended: &Addr<A>) {
        if let Self::Ours(thread) = self {
            thread.forget(ended);
        }
    }
}

impl<A> Middleware for ActorMiddleware<A>
where
    A: Actor + Handler<BeforeTask> + Handler<AfterTask>,
    A::Context: ToEnvelope<A, BeforeTask> + ToEnvelope<A, AfterTask>,
{
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        Box::pin(around(self.0.clone(), call, next))
    }
}

async fn around<A>(home: Arc<Home<A>>, call: TaskCall, next: Next) -> Outcome
where
    A: Actor + Handler<BeforeTask> + Handler<AfterTask>,
    A::Context: ToEnvelope<A, BeforeTask> + ToEnvelope<A, AfterTask>,
{
    let mut attempt = 0;
    loop {
        attempt += 1;
        let actor = match home.reach() {
            Ok(actor) => actor,
            Err(error) => return Outcome::Failed(error),
        };
        let mut call = call.clone();
        let task = call.task().clone();
        let visit = Visit {
            actor: actor.clone().recipient(),
            task: Some(task.clone()),
            began: Instant::now(),
            attempt,
        };
        let before = BeforeTask {
            task,
            params: call.params().clone(),
            attempt,
        };
        let cancelled = call.task().cancel_signal().clone();
        let answered = tokio::select! {
            biased;
            answered = begin(&actor, before, visit) => answered,
            // It may be busy; the task does not wait for it.
            () = cancelled.cancelled() => return Outcome::Cancelled,
        };
        let mut visit = match answered {
            Ok((Before::Proceed, visit)) => visit,
            Ok((Before::ProceedWith(params), visit)) => {
                call.set_params(params);
                visit
            }
            Ok((Before::Instead(outcome), _)) => return outcome,
            Err(_) => {
                home.forget(&actor);
                return ended::<A>();
            }
        };

        let called = AssertUnwindSafe(next.clone().run(call)).catch_unwind();
        let outcome = called
            .await
            .unwrap_or_else(|panic| Outcome::Failed(TaskError::from_panic(&*panic)));
        match visit.end(outcome.clone()).await {
            Ok(Then::Return(outcome)) => return outcome,
            Ok(Then::Again(after)) => tokio::select! {
                () = tokio::time::sleep(after) => {}
                () = cancelled.cancelled() => return outcome,
            },
            // The work is done; what the middleware had to say of it is lost.
            Err(_) => {
                home.forget(&actor);
                warn!(middleware = type_name::<A>(), "ended while a task ran");
                return outcome;
            }
        }
    }
}

/// Sends the first message of a visit and waits for its answer. That goes on when this
/// future is dropped: an actor that has let a call through hears of its end, and one that has
/// not does not.
async fn begin<A>(
    actor: &Addr<A>,
    before: BeforeTask,
    mut visit: Visit,
) -> Result<(Before, Visit), RecvError>
where
    A: Actor + Handler<BeforeTask>,
    A::Context: ToEnvelope<A, BeforeTask>,
{
    let sent = actor.send(before);
    let (reply, answered) = oneshot::channel();
    actix_rt::spawn(async move {
        let answer = sent.await;
        if !matches!(answer, Ok(Before::Proceed | Before::ProceedWith(_))) {
            visit.task = None;
        }
        if let Ok(answer) = answer {
            // Not taken, it is dropped, and with it the visit, which tells the end.
            let _ = reply.send((answer, visit));
        }
    });
    answered.await
}

fn ended<A>() -> Outcome {
    let name = type_name::<A>();
    Outcome::Failed(TaskError::transient(format!(
        "the middleware {name} has panicked or ended"
    )))
}

/// A call that the actor was told of. Dropped early, it tells the end.
struct Visit {
    actor: Recipient<AfterTask>,
    task: Option<TaskContext>,
    began: Instant,
    attempt: u32,
}

impl Visit {
    fn after(&mut self, outcome: Outcome) -> Option<AfterTask> {
        Some(AfterTask {
            task: self.task.take()?,
            outcome,
            took: self.began.elapsed(),
            attempt: self.attempt,
        })
    }

    async fn end(&mut self, outcome: Outcome) -> Result<Then, MailboxError> {
        match self.after(outcome.clone()) {
            Some(after) => self.actor.send(after).await,
            None => Ok(Then::Return(outcome)),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(after) = self.after(Outcome::Cancelled) {
            self.actor.do_send(after);
        }
    }
}
