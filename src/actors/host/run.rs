//! What comes before and after the handler. A panic of the user's code ends its task and
//! nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::Recipient;
use futures_util::FutureExt;
use tracing::{Instrument, warn};

use crate::actors::capacity::Permit;
use crate::actors::supervisor::{TaskFinished, TaskKey};
use crate::handler::{BlockingPool, Call, ErasedHandler};
use crate::json::RawJson;
use crate::status::StatusBoard;
use crate::storage::{bring_in, carry_out};
use crate::task::{CancelReason, Cancellation, Outcome, TaskContext, TaskError};

/// A task that has its slots, and its handler.
pub(crate) struct QueuedTask {
    pub(crate) key: TaskKey,
    /// Tells apart hand-outs of the same id.
    pub(crate) attempt: u64,
    pub(crate) job: Arc<dyn ErasedHandler>,
    pub(crate) params: RawJson,
    pub(crate) params_metadata: Option<RawJson>,
    pub(crate) context: TaskContext,
    pub(crate) permit: Permit,
}

/// The slot of a task, for as long as any part of its work goes on.
struct Held {
    /// Taken out when nothing of the work goes on.
    permit: Option<Permit>,
    board: Arc<StatusBoard>,
    is_left: AtomicBool,
}

impl Held {
    /// The task is over, and a thread works on it all the same.
    fn leave_behind(&self) {
        if !self.is_left.swap(true, Ordering::Relaxed) {
            self.board.work_left_behind();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_left.load(Ordering::Relaxed) {
            self.board.work_came_back();
        }
    }
}

/// What it takes to run a task.
#[derive(Clone)]
pub(crate) struct Runner {
    grace: Duration,
    /// The same when the worker ends, if that is less.
    last_grace: Duration,
    pool: BlockingPool,
    supervisor: Recipient<TaskFinished>,
}

impl Runner {
    pub(crate) fn new(
        grace: Duration,
        pool: BlockingPool,
        supervisor: Recipient<TaskFinished>,
    ) -> Self {
        Self {
            grace,
            last_grace: grace,
            pool,
            supervisor,
        }
    }

    /// Handlers have this grace time when the worker ends.
    pub(crate) fn with_last_grace(self, last_grace: Duration) -> Self {
        Self { last_grace, ..self }
    }

    /// Runs a task to its end and tells the supervisor.
    pub(super) fn run(self: Rc<Self>, task: QueuedTask) -> impl Future<Output = ()> {
        let span = task.context.span().clone();
        self.run_inside(task).instrument(span)
    }

    /// Returns when the task was cancelled and its handler has no use for more time.
    async fn time_to_stop(&self, cancellation: &Cancellation) {
        cancellation.cancelled().await;
        if cancellation.has_grace() {
            let ends = cancellation.reason() == Some(CancelReason::ShuttingDown);
            tokio::time::sleep(if ends { self.last_grace } else { self.grace }).await;
        }
    }

    async fn run_inside(self: Rc<Self>, task: QueuedTask) {
        let QueuedTask {
            key,
            attempt,
            job,
            params,
            params_metadata,
            context,
            permit,
        } = task;
        let began = Instant::now();
        let cancellation = context.cancel_signal().clone();
        let teller = context.clone();
        let hold = Arc::new(Held {
            permit: Some(permit),
            board: context.board().clone(),
            is_left: AtomicBool::new(false),
        });
        let call = Call {
            params,
            context,
            hold: hold.clone(),
            pool: self.pool.clone(),
        };

        // Calling is inside as well: arguments are parsed there.
        let body = AssertUnwindSafe(handle(job, call, params_metadata)).catch_unwind();
        let mut body = Box::pin(body);
        let ended = tokio::select! {
            biased;
            ended = &mut body => Some(ended),
            () = self.time_to_stop(&cancellation) => None,
        };

        // So is dropping: destructors may panic as well.
        if catch_unwind(AssertUnwindSafe(|| drop(body))).is_err() {
            warn!("a destructor panicked when the handler was dropped");
        }
        let outcome = match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => Outcome::Failed(TaskError::from_panic(&*panic)),
            None => Outcome::Cancelled,
        };
        if cancellation.is_cancelled() && Arc::strong_count(&hold) > 1 {
            hold.leave_behind();
        }
        let ran_for = began.elapsed();

        // A slot that nobody else holds goes with the news, as one message. It does
        // not wait for what the task still has to tell.
        let mut permit = Arc::into_inner(hold).and_then(|mut held| held.permit.take());
        if teller.has_told() {
            permit = None;
            teller.last_words().await;
        }
        self.supervisor.do_send(TaskFinished {
            key,
            attempt,
            outcome,
            ran_for,
            permit,
        });
    }
}

/// Holds the parameters and the result of a handler against its contract. The result is
/// seen as the orchestrator will see it: with the URIs of uploaded files.
async fn handle(job: Arc<dyn ErasedHandler>, call: Call, metadata: Option<RawJson>) -> Outcome {
    let rules = call.context.rules().clone();
    if let Err(fault) = rules.check_input(&call.params) {
        return Outcome::Failed(fault);
    }
    rules.check_outcome(with_files(&*job, call, metadata.as_ref()).await)
}

/// Calls the handler between the downloads of what its parameters name and the uploads
/// of what its result names. A task that is called off meanwhile ends there; a handler
/// that fails or panics has nothing uploaded.
async fn with_files(
    job: &dyn ErasedHandler,
    mut call: Call,
    metadata: Option<&RawJson>,
) -> Outcome {
    let files = call.context.files().clone();
    let cancellation = call.context.cancel_signal().clone();

    let moving = cancellation.files_move();
    call.params = match bring_in(call.params, metadata, &files).await {
        Ok(params) => params,
        Err(stop) => return stop.into(),
    };
    drop(moving);
    if cancellation.is_cancelled() {
        return Outcome::Cancelled;
    }

    let reply = match job.call(call).await {
        Outcome::Completed(reply) => reply,
        other => return other,
    };

    let _moving = cancellation.files_move();
    match carry_out(reply, &files).await {
        Ok(reply) => Outcome::Completed(reply),
        Err(stop) => stop.into(),
    }
}
