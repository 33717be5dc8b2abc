//! Actors as middleware: tasks reach them as messages, one before the call and one
//! after it. Each [`BeforeTask`] that was answered is followed by exactly one
//! [`AfterTask`], whatever happens to the task.

use std::any::type_name;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tracing::warn;

use super::{Middleware, Next, TaskCall};
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext, TaskError};

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
    let make = Arc::new(make);
    let start = move || {
        let make = make.clone();
        A::start_in_arbiter(&Arbiter::new().handle(), move |_| make())
    };
    ActorMiddleware(Arc::new(Post {
        address: Mutex::new(None),
        start: Some(Box::new(start)),
    }))
}

/// An actor that runs already, wherever its owner started it, as middleware. When it
/// ends, tasks fail.
pub fn address<A>(address: Addr<A>) -> ActorMiddleware<A>
where
    A: Actor + Handler<BeforeTask> + Handler<AfterTask>,
    A::Context: ToEnvelope<A, BeforeTask> + ToEnvelope<A, AfterTask>,
{
    ActorMiddleware(Arc::new(Post {
        address: Mutex::new(Some(address)),
        start: None,
    }))
}

/// See [`actor()`] and [`address()`].
pub struct ActorMiddleware<A: Actor>(Arc<Post<A>>);

/// Where the actor is.
struct Post<A: Actor> {
    address: Mutex<Option<Addr<A>>>,
    start: Option<Box<dyn Fn() -> Addr<A> + Send + Sync>>,
}

impl<A: Actor> fmt::Debug for ActorMiddleware<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorMiddleware({})", type_name::<A>())
    }
}

impl<A: Actor> Post<A> {
    /// The actor, started anew where it has ended and that is possible.
    fn reach(&self) -> Option<Addr<A>> {
        let mut address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if address.as_ref().is_none_or(|actor| !actor.connected())
            && let Some(start) = &self.start
        {
            *address = Some(start());
        }
        address.clone()
    }

    /// This one has ended; an address says so only a moment later.
    fn forget(&self, ended: &Addr<A>) {
        let mut address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.is_some() && address.as_ref() == Some(ended) {
            *address = None;
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

async fn around<A>(post: Arc<Post<A>>, call: TaskCall, next: Next) -> Outcome
where
    A: Actor + Handler<BeforeTask> + Handler<AfterTask>,
    A::Context: ToEnvelope<A, BeforeTask> + ToEnvelope<A, AfterTask>,
{
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Some(actor) = post.reach() else {
            return ended::<A>();
        };
        let mut call = call.clone();
        let task = call.task().clone();
        // From here on the actor hears of the end, even when this future is dropped
        // while it thinks about the beginning.
        let mut visit = Visit {
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
        match actor.send(before).await {
            Ok(Before::Proceed) => {}
            Ok(Before::ProceedWith(params)) => call.set_params(params),
            Ok(Before::Instead(outcome)) => {
                visit.task = None;
                return outcome;
            }
            Err(_) => {
                post.forget(&actor);
                visit.task = None;
                return ended::<A>();
            }
        }
        let called = AssertUnwindSafe(next.clone().run(call)).catch_unwind();
        let outcome = called
            .await
            .unwrap_or_else(|panic| Outcome::Failed(TaskError::from_panic(&*panic)));
        match visit.end(outcome.clone()).await {
            Ok(Then::Return(outcome)) => return outcome,
            Ok(Then::Again(after)) => tokio::time::sleep(after).await,
            // The work is done; what the middleware had to say of it is lost.
            Err(_) => {
                post.forget(&actor);
                warn!(middleware = type_name::<A>(), "ended while a task ran");
                return outcome;
            }
        }
    }
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
