//! The way of tasks to an actor of the user's own, and what becomes of them there.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::warn;

use super::{RunTask, TaskCancelled};
use crate::handler::{AnyHandler, Call, ErasedHandler, FromParams};
use crate::id::TaskName;
use crate::task::{IntoOutcome, Outcome, TaskContext, TaskError};

/// How long after a message was dropped unanswered an address may still say that its actor
/// is there.
const UNWINDING: Duration = Duration::from_millis(50);

pub(super) struct AddressHandler<P, T>(Arc<Way<P, T>>)
where
    P: Send + 'static,
    T: Send + 'static;

/// The way to an actor.
struct Way<P, T>
where
    P: Send + 'static,
    T: Send + 'static,
{
    run: Recipient<RunTask<P, T>>,
    cancel: Option<Recipient<TaskCancelled>>,
    /// The type of the actor, where it is known.
    kind: Option<&'static str>,
    /// Whether the log has told that the actor is gone.
    is_missed: AtomicBool,
}

impl<P, T> AddressHandler<P, T>
where
    P: FromParams + Send + 'static,
    T: IntoOutcome + Send + 'static,
{
    pub(super) fn new(
        run: Recipient<RunTask<P, T>>,
        cancel: Option<Recipient<TaskCancelled>>,
        kind: Option<&'static str>,
    ) -> Self {
        Self(Arc::new(Way {
            run,
            cancel,
            kind,
            is_missed: AtomicBool::new(false),
        }))
    }

    pub(super) fn into_any(self) -> AnyHandler {
        AnyHandler(Arc::new(self))
    }
}

impl<P, T> ErasedHandler for AddressHandler<P, T>
where
    P: FromParams + Send + 'static,
    T: IntoOutcome + Send + 'static,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let Call {
            params,
            context: task,
            hold,
            ..
        } = call;
        let params = match task.files().reading(|| P::from_params(params)) {
            Ok(params) => params,
            Err(error) => return std::future::ready(Outcome::Failed(error)).boxed_local(),
        };
        let way = self.0.clone();
        let begun = Arc::new(AtomicBool::new(false));
        let request = way.run.send(RunTask {
            params,
            task: task.clone(),
            begun: begun.clone(),
            answer: PhantomData,
        });

        // It has the slot, and goes on when this call is dropped: until the actor has
        // answered, or for as long as the message waits in the mailbox.
        let (reply, mut answer) = oneshot::channel();
        let waiter = actix_rt::spawn(async move {
            let answered = request.await;
            drop(hold);
            let _ = reply.send(answered);
        });
        let mut asked = Asked {
            begun,
            waiter: waiter.abort_handle(),
            cancel: way.cancel.clone(),
            task: Some(task.clone()),
        };

        if way.cancel.is_some() {
            // It is told, and answers when it has put away its work.
            task.cancel_signal().watch();
        }

        async move {
            let answered = tokio::select! {
                biased;
                answered = &mut answer => answered,
                () = task.cancel_signal().cancelled() => {
                    if asked.give_up() == GivenUp::Withdrawn {
                        return withdrawn(waiter).await;
                    }
                    answer.await
                }
            };
            asked.is_over();

            match answered {
                Ok(Ok(returned)) => Outcome::from(returned),
                _ => Outcome::Failed(way.failed(task.name()).await),
            }
        }
        .boxed_local()
    }
}

/// The outcome of a task that the actor never got, once its slot is free.
async fn withdrawn(waiter: JoinHandle<()>) -> Outcome {
    let _ = waiter.await;
    Outcome::Cancelled
}

impl<P, T> Way<P, T>
where
    P: Send + 'static,
    T: Send + 'static,
{
    /// The failure of a task that was not answered.
    async fn failed(&self, name: &TaskName) -> TaskError {
        if self.run.connected() {
            tokio::time::sleep(UNWINDING).await;
        }
        let kind = self
            .kind
            .map(|kind| format!(", {kind},"))
            .unwrap_or_default();
        if self.run.connected() {
            return TaskError::transient(format!(
                "the actor of task {name}{kind} dropped the task without an answer, it may have \
                 panicked"
            ));
        }
        if !self.is_missed.swap(true, Ordering::Relaxed) {
            warn!(
                kind = %name, actor = self.kind,
                "the actor of a task is gone, its tasks fail from now on"
            );
        }
        TaskError::transient(format!(
            "the actor of task {name}{kind} is gone, it has panicked or was stopped"
        ))
    }
}

/// A message whose answer is waited for. Dropped early, it withdraws the message or tells
/// the actor, as with a cancel: a middleware may drop a call.
struct Asked {
    begun: Arc<AtomicBool>,
    waiter: AbortHandle,
    cancel: Option<Recipient<TaskCancelled>>,
    /// Taken when the answer has come, or is not waited for any more.
    task: Option<TaskContext>,
}

#[derive(PartialEq)]
enum GivenUp {
    /// The actor will not get the message.
    Withdrawn,
    /// The actor has begun, and was told if it wants to be.
    Told,
}

impl Asked {
    fn give_up(&mut self) -> GivenUp {
        let task = self.task.take();
        if !self.begun.load(Ordering::Acquire) {
            // With the request goes the message: actix passes over it.
            self.waiter.abort();
            return GivenUp::Withdrawn;
        }
        if let (Some(task), Some(cancel)) = (task, &self.cancel) {
            cancel.do_send(TaskCancelled { task });
        }
        GivenUp::Told
    }

    fn is_over(&mut self) {
        self.task = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.task.is_some() {
            self.give_up();
        }
    }
}
