//! The way of tasks to a handler's actor.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::host::{Execute, HandlerActor, Stop, Work};
use super::{HandlerContext, TaskHandler};
use crate::handler::own_thread::OwnThread;
use crate::handler::ticket::Ticket;
use crate::handler::{Call, ErasedHandler};
use crate::task::{ErrorCode, Outcome, TaskError};

pub(super) type Make<H> = Arc<dyn Fn() -> Result<H, TaskError> + Send + Sync>;

/// A task that found its actor ended is sent to a new one this often.
const ATTEMPTS: usize = 3;

pub(super) struct StatefulHandler<H: TaskHandler> {
    host: Arc<OwnThread<HandlerActor<H>>>,
    /// Filled when the worker starts.
    context: Arc<OnceLock<HandlerContext>>,
}

impl<H: TaskHandler> StatefulHandler<H> {
    pub(super) fn new(make: Make<H>) -> Self {
        let context = Arc::new(OnceLock::new());
        let told = context.clone();
        let host = OwnThread::new(move || HandlerActor::new(make.clone(), told.clone()));
        Self {
            host: Arc::new(host),
            context,
        }
    }
}

impl<H: TaskHandler> ErasedHandler for StatefulHandler<H> {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let cancellation = call.context.cancel_signal().clone();
        let ticket = Ticket::new(Work {
            params: call.params,
            context: call.context,
            hold: call.hold,
        });
        let waiting = ticket.withdraw_on_drop();
        // Before the first poll, so that a thread that is then blocked does not keep it back.
        let first = send(&self.host, &ticket);
        let host = self.host.clone();

        async move {
            let _waiting = waiting;
            let mut sent = first;

            for _ in 0..ATTEMPTS {
                let (actor, mut outcome) = match sent {
                    Ok(sent) => sent,
                    Err(failure) => return Outcome::Failed(failure),
                };
                let ended = tokio::select! {
                    biased;
                    ended = &mut outcome => ended,
                    () = cancellation.cancelled() => {
                        if ticket.take().is_some() {
                            return Outcome::Cancelled;
                        }
                        outcome.await
                    }
                };

                match ended {
                    Ok(outcome) => return outcome,
                    Err(_) => host.forget(&actor),
                }
                // It ended before it had looked at this task.
                if !ticket.is_waiting() {
                    break;
                }
                sent = send(&host, &ticket);
            }
            Outcome::Failed(TaskError::transient("the handler's actor ended"))
        }
        .boxed_local()
    }

    fn begin(&self, context: &HandlerContext) {
        // A handler belongs to one worker, which begins once.
        let _ = self.context.set(context.clone());
    }

    fn end(&self) -> Option<LocalBoxFuture<'static, ()>> {
        let actor = self.host.running()?;
        let stopped = actor.send(Stop);
        Some(stopped.map(|_| ()).boxed_local())
    }
}

type Sent<H> = (Addr<HandlerActor<H>>, oneshot::Receiver<Outcome>);

fn send<H: TaskHandler>(
    host: &OwnThread<HandlerActor<H>>,
    ticket: &Ticket<Work>,
) -> Result<Sent<H>, TaskError> {
    let actor = host.actor().map_err(|error| {
        let text = format!("no thread for the handler: {error}");
        TaskError::new(ErrorCode::ResourceExhausted, text)
    })?;
    let (reply, outcome) = oneshot::channel();
    actor.do_send(Execute {
        ticket: ticket.clone(),
        reply,
    });
    Ok((actor, outcome))
}
