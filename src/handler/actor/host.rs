//! The actor round a user's state. User code runs inside `catch_unwind`, destructors
//! included: a panic in an actor's own future would end the actor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::{Instrument, warn};

use super::registered::Make;
use super::{HandlerContext, TaskHandler};
use crate::handler::ticket::Ticket;
use crate::handler::{FromParams, Hold};
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext, TaskError};

/// How long a hook may take.
const HOOK: Duration = Duration::from_secs(10);

/// One task for a handler's actor.
pub(super) struct Work {
    pub(super) params: RawJson,
    pub(super) context: TaskContext,
    pub(super) hold: Hold,
}

/// A task waits for the actor. It may have been withdrawn by the time its turn comes.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Execute {
    pub(super) ticket: Ticket<Work>,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// The worker ends. Answered when the state is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

/// Does one task at a time: while it does one, its mailbox waits.
pub(super) struct HandlerActor<H: TaskHandler> {
    make: Make<H>,
    /// Filled before tasks come.
    context: Arc<OnceLock<HandlerContext>>,
    /// Taken while a task runs. Boxed, for actors must be `Unpin` and states need not be.
    state: Option<Box<H>>,
}

impl<H: TaskHandler> HandlerActor<H> {
    pub(super) fn new(make: Make<H>, context: Arc<OnceLock<HandlerContext>>) -> Self {
        Self {
            make,
            context,
            state: None,
        }
    }

    fn take(&mut self) -> Option<Life<H>> {
        let context = self.context.get()?.clone();
        Some(Life {
            make: self.make.clone(),
            context,
            state: self.state.take(),
            is_started: true,
        })
    }
}

impl<H: TaskHandler> Actor for HandlerActor<H> {
    type Context = Context<Self>;
}

impl<H: TaskHandler> Drop for HandlerActor<H> {
    fn drop(&mut self) {
        if let (Some(context), Some(state)) = (self.context.get(), self.state.take()) {
            dropped(context, "the state", state);
        }
    }
}

impl<H: TaskHandler> Handler<Execute> for HandlerActor<H> {
    type Result = ();

    fn handle(&mut self, Execute { ticket, reply }: Execute, ctx: &mut Self::Context) {
        let Some(work) = ticket.take() else {
            return;
        };
        let Some(mut life) = self.take() else {
            return;
        };
        let work = async move {
            life.run(work, reply).await;
            life.state
        };
        ctx.wait(work.into_actor(self).map(|state, actor, _| {
            actor.state = state;
        }));
    }
}

impl<H: TaskHandler> Handler<Stop> for HandlerActor<H> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Stop: Stop, _: &mut Self::Context) -> Self::Result {
        let life = self.take();
        let stopped = async move {
            if let Some(mut life) = life {
                life.stop().await;
            }
        };
        let stopped = stopped.into_actor(self).map(|(), _, ctx| ctx.stop());
        AtomicResponse::new(Box::pin(stopped))
    }
}

/// A state and what is done with it.
struct Life<H: TaskHandler> {
    make: Make<H>,
    context: HandlerContext,
    state: Option<Box<H>>,
    /// Whether the state, if there is one, has had its `started`.
    is_started: bool,
}

impl<H: TaskHandler> Life<H> {
    /// Does one task.
    async fn run(&mut self, work: Work, mut reply: oneshot::Sender<Outcome>) {
        let Work {
            params,
            context: task,
            hold,
        } = work;
        if self.context.take_renewal() {
            self.stop().await;
        }

        let (outcome, mut is_sound) = self.handle(params, task.clone(), &mut reply).await;
        is_sound &= self.is_started;
        if is_sound && task.is_cancelled() {
            is_sound = self.cancelled(&task).await;
        }

        // Values of the user's may go with them.
        dropped(&self.context, "a value of the task", (task, hold));
        let _ = reply.send(outcome);

        if !is_sound {
            self.discard();
        } else if self.context.take_renewal() {
            self.stop().await;
        }
    }

    /// Calls the handler, with a new state if there is none. Returns the outcome, and
    /// whether the state can be used again.
    async fn handle(
        &mut self,
        params: RawJson,
        task: TaskContext,
        reply: &mut oneshot::Sender<Outcome>,
    ) -> (Outcome, bool) {
        let Self {
            make,
            context,
            state,
            is_started,
        } = self;
        let (context, span) = (&*context, task.span().clone());

        // The state stays outside, so that a panic does not drop it while it unwinds.
        let body = async {
            let params = task.files().reading(|| H::Params::from_params(params))?;
            let state = match state {
                Some(state) => state,
                empty => {
                    *is_started = false;
                    empty.insert(Box::new(make()?))
                }
            };
            if !*is_started {
                state.started(context).await?;
                *is_started = true;
            }
            state.handle(params, task).await
        };
        let body = async { Outcome::from(body.await) };
        let mut body = Box::pin(AssertUnwindSafe(body.instrument(span)).catch_unwind());

        let ended = tokio::select! {
            biased;
            ended = &mut body => Some(ended),
            // The caller waits for the grace time before it lets go.
            () = reply.closed() => None,
        };
        let is_sound = dropped(context, "the future of a task", body);

        match ended {
            Some(Ok(outcome)) => (outcome, is_sound),
            Some(Err(panic)) => (Outcome::Failed(TaskError::from_panic(&*panic)), false),
            None => (Outcome::Cancelled, is_sound),
        }
    }

    /// Tells the state that a task was cancelled. Returns whether it can be used again.
    async fn cancelled(&mut self, task: &TaskContext) -> bool {
        let Self { context, state, .. } = self;
        let Some(state) = state else {
            return false;
        };
        let told = async { state.cancelled(task, context).await };
        hook(context, "cancelled", told.instrument(task.span().clone())).await
    }

    /// Tells the state its end and drops it.
    async fn stop(&mut self) {
        let Self { context, state, .. } = self;
        if let Some(state) = state {
            let told = async { state.stopped(context).await };
            hook(context, "stopped", told).await;
        }
        self.discard();
    }

    fn discard(&mut self) {
        if let Some(state) = self.state.take() {
            dropped(&self.context, "the state", state);
        }
    }
}

/// Runs a hook. Returns `true` if it came to its end.
async fn hook(context: &HandlerContext, name: &str, hook: impl Future<Output = ()>) -> bool {
    let mut hook = Box::pin(AssertUnwindSafe(hook).catch_unwind());
    let ended = tokio::time::timeout(HOOK, &mut hook).await;
    let is_whole = dropped(context, "the future of a hook", hook);

    match ended {
        Ok(Ok(())) => is_whole,
        Ok(Err(panic)) => {
            let error = TaskError::panicked("it", &*panic);
            warn!(kind = %context.name(), hook = name, error = error.message(), "a hook panicked");
            false
        }
        Err(_) => {
            warn!(
                kind = %context.name(), hook = name, limit = ?HOOK,
                "a hook took too long, it was dropped"
            );
            false
        }
    }
}

/// Drops something of the user's. Returns `false` if its destructor panicked.
fn dropped<T>(context: &HandlerContext, what: &str, value: T) -> bool {
    let ended = catch_unwind(AssertUnwindSafe(|| drop(value)));
    if let Err(panic) = &ended {
        let error = TaskError::panicked("it", &**panic);
        warn!(kind = %context.name(), what, error = error.message(), "a destructor panicked");
    }
    ended.is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Mutex;

    use super::*;
    use crate::id::WorkerId;

    /// What is logged on this thread.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .finish();
            (log, tracing::subscriber::set_default(subscriber))
        }

        fn lines_with(&self, text: &str) -> usize {
            let log = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
            log.lines().filter(|line| line.contains(text)).count()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn context() -> HandlerContext {
        HandlerContext::new(WorkerId::try_new("worker").unwrap(), "task".into())
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }

    #[actix_rt::test]
    async fn each_panic_of_a_hook_is_told_once() {
        let (log, _logging) = Log::begin();
        assert!(!hook(&context(), "stopped", async { panic!("in the hook") }).await);
        assert_eq!(log.lines_with("in the hook"), 1);
        assert_eq!(log.lines_with("WARN"), 1);

        // The hook comes to its end, and what it leaves does not.
        let bomb = Bomb;
        let hangs = std::future::poll_fn(move |_| {
            let _ = &bomb;
            std::task::Poll::Ready(())
        });
        assert!(!hook(&context(), "stopped", hangs).await);
        assert_eq!(log.lines_with("in the destructor"), 1);
        assert_eq!(log.lines_with("WARN"), 2);
    }

    #[actix_rt::test]
    async fn a_hook_that_hangs_is_dropped() {
        tokio::time::pause();
        let (log, _logging) = Log::begin();
        let began = tokio::time::Instant::now();
        assert!(!hook(&context(), "stopped", std::future::pending()).await);
        let limit = HOOK..HOOK + Duration::from_secs(1);
        assert!(limit.contains(&began.elapsed()), "{:?}", began.elapsed());
        assert_eq!(log.lines_with("a hook took too long"), 1);
    }
}
