//! Actors of the user's own as handlers, registered by their address.

mod registered;

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::dev::ToEnvelope;
use actix::prelude::*;

use super::{AnyHandler, FromParams, IntoHandler};
use crate::task::{IntoOutcome, Reply, TaskContext, TaskError};
use registered::AddressHandler;

/// A task, as a message for an actor of your own.
///
/// The actor runs wherever you started it, in its own arbiter and system, and may have other
/// messages, timers and neighbours. Register its address, or a `Recipient<RunTask<P>>`, with
/// [`WorkerBuilder::task`](crate::WorkerBuilder::task):
///
/// ```
/// use actix::prelude::*;
/// use axon_worker::{Reply, RunTask, TaskError, Worker};
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize)]
/// struct Deposit {
///     amount: u64,
/// }
///
/// struct Account {
///     balance: u64,
/// }
///
/// impl Actor for Account {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<RunTask<Deposit>> for Account {
///     type Result = Result<Reply, TaskError>;
///
///     fn handle(&mut self, task: RunTask<Deposit>, _: &mut Self::Context) -> Self::Result {
///         let (deposit, _task) = task.into_parts();
///         self.balance += deposit.amount;
///         Reply::success(&json!({ "balance": self.balance }))
///     }
/// }
///
/// # #[actix_rt::main]
/// # async fn main() {
/// let account = Account { balance: 0 }.start();
/// # let _ =
/// Worker::builder("bank").task("deposit", account);
/// # }
/// ```
///
/// `P` is what the actor takes, see [`FromParams`]; a mistake in the parameters is answered
/// without the actor. `T` is the data of a success, any type that serialises, or a [`Reply`]:
/// the answer is a `Result<T, TaskError>`, or any of actix's ways to give it later, such as
/// `ResponseFuture<Result<T, TaskError>>`.
///
/// As many of these are under way at once as the worker has slots, and they wait in the
/// actor's mailbox among its other messages. An actor that answers with a future takes the
/// next message meanwhile; one that computes in `handle` makes its whole thread wait.
///
/// A panic in `handle` ends the actor, as actix has it: that task, and all later ones, fail
/// with `TRANSIENT_ERROR` and the name of the actor, and the log tells of it once. So do
/// tasks for an actor that has stopped.
///
/// # Cancelling and time limits
///
/// The token of the [`TaskContext`] shows a cancel at once; [`with_cancel`] has it told as a
/// message, too. A task that still waits in the mailbox then is withdrawn, with its slot: the
/// actor never gets it. One that has begun, which is when the actor has called a method of
/// this message, may still answer within the grace time. After it the task is reported as
/// `cancelled` and an answer is ignored, but the slot stays taken until the actor has
/// answered or dropped the future of its answer.
pub struct RunTask<P, T = Reply> {
    params: P,
    task: TaskContext,
    begun: Arc<AtomicBool>,
    answer: PhantomData<fn() -> T>,
}

impl<P, T> RunTask<P, T> {
    /// Returns the parameters.
    #[must_use]
    pub fn params(&self) -> &P {
        self.begin();
        &self.params
    }

    /// Returns the task: ids, progress, cancelling, files and so on.
    #[must_use]
    pub fn task(&self) -> &TaskContext {
        self.begin();
        &self.task
    }

    /// Returns the parameters and the task.
    #[must_use]
    pub fn into_parts(self) -> (P, TaskContext) {
        self.begin();
        (self.params, self.task)
    }

    /// The actor has it now.
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }
}

impl<P, T> Message for RunTask<P, T>
where
    T: 'static,
{
    type Result = Result<T, TaskError>;
}

impl<P, T> fmt::Debug for RunTask<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunTask")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`RunTask`] that the actor has begun is not waited for any more: the task
/// was cancelled, ran into its time limit, or a middleware gave up on it. Told to actors that
/// were registered by [`with_cancel`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct TaskCancelled {
    /// The task. [`Cancellation::reason`](crate::Cancellation::reason) says why.
    pub task: TaskContext,
}

/// Registers the address of an actor that handles [`RunTask`] and [`TaskCancelled`].
///
/// ```
/// use std::collections::HashMap;
///
/// use actix::prelude::*;
/// use axon_worker::{RunTask, TaskCancelled, TaskError, TaskId, Worker, with_cancel};
/// use tokio::sync::oneshot;
///
/// /// Answers tasks when somebody rings.
/// #[derive(Default)]
/// struct Waiting {
///     bells: HashMap<TaskId, oneshot::Sender<()>>,
/// }
///
/// impl Actor for Waiting {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<RunTask<(), u32>> for Waiting {
///     type Result = ResponseFuture<Result<u32, TaskError>>;
///
///     fn handle(&mut self, task: RunTask<(), u32>, _: &mut Self::Context) -> Self::Result {
///         let (bell, rung) = oneshot::channel();
///         self.bells.insert(task.task().task_id().clone(), bell);
///         Box::pin(async move {
///             rung.await?;
///             Ok(1)
///         })
///     }
/// }
///
/// impl Handler<TaskCancelled> for Waiting {
///     type Result = ();
///
///     fn handle(&mut self, cancelled: TaskCancelled, _: &mut Self::Context) {
///         self.bells.remove(cancelled.task.task_id());
///     }
/// }
///
/// # #[actix_rt::main]
/// # async fn main() {
/// let waiting = Waiting::default().start();
/// # let _ =
/// Worker::builder("example").task("wait", with_cancel(waiting));
/// # }
/// ```
///
/// Where an actor handles several kinds of tasks, say which is meant:
/// `with_cancel::<_, Deposit, Reply>(account)`, or for an address alone
/// `account.recipient::<RunTask<Deposit>>()`.
pub fn with_cancel<A, P, T>(address: Addr<A>) -> WithCancel<P, T>
where
    A: Actor + Handler<RunTask<P, T>> + Handler<TaskCancelled>,
    A::Context: ToEnvelope<A, RunTask<P, T>> + ToEnvelope<A, TaskCancelled>,
    P: Send + 'static,
    T: Send + 'static,
{
    WithCancel {
        run: address.clone().recipient(),
        cancel: address.recipient(),
        name: type_name::<A>(),
    }
}

/// See [`with_cancel`].
pub struct WithCancel<P, T>
where
    P: Send + 'static,
    T: Send + 'static,
{
    run: Recipient<RunTask<P, T>>,
    cancel: Recipient<TaskCancelled>,
    name: &'static str,
}

impl<P, T> fmt::Debug for WithCancel<P, T>
where
    P: Send + 'static,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WithCancel({})", self.name)
    }
}

/// Marks addresses among the things that can be registered.
#[doc(hidden)]
pub struct AtAddress<P, T>(PhantomData<fn(P) -> T>);

impl<P, T> fmt::Debug for AtAddress<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtAddress")
    }
}

#[diagnostic::do_not_recommend]
impl<A, P, T> IntoHandler<AtAddress<P, T>> for Addr<A>
where
    A: Actor + Handler<RunTask<P, T>>,
    A::Context: ToEnvelope<A, RunTask<P, T>>,
    P: FromParams + Send + 'static,
    T: IntoOutcome + Send + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AddressHandler::new(self.recipient(), None, Some(type_name::<A>())).into_any()
    }
}

#[diagnostic::do_not_recommend]
impl<P, T> IntoHandler<AtAddress<P, T>> for WithCancel<P, T>
where
    P: FromParams + Send + 'static,
    T: IntoOutcome + Send + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AddressHandler::new(self.run, Some(self.cancel), Some(self.name)).into_any()
    }
}

#[diagnostic::do_not_recommend]
impl<P, T> IntoHandler<AtAddress<P, T>> for Recipient<RunTask<P, T>>
where
    P: FromParams + Send + 'static,
    T: IntoOutcome + Send + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AddressHandler::new(self, None, None).into_any()
    }
}
