//! What comes before and after the handler. A panic of the user's code ends its task and
//! nothing else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tracing::Instrument;

use super::returns::{Ended, Returns};
use crate::actors::capacity::Permit;
use crate::actors::supervisor::TaskKey;
use crate::handler::{BlockingPool, Call, ErasedHandler};
use crate::json::RawJson;
use crate::status::StatusBoard;
use crate::storage::{bring_in, carry_out};
use crate::task::{Outcome, TaskContext, TaskError};

/// A task that has its slots, and its handler.
pub(crate) struct RunTask {
    pub(crate) key: TaskKey,
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

/// Parameters of so many bytes are held until the task has ended.
const SMALL: usize = 4096;

/// What it takes to run a task, on whatever thread.
#[derive(Clone)]
pub(crate) struct Runner {
    grace: Duration,
    pool: BlockingPool,
    returns: Arc<Returns>,
}

impl Runner {
    pub(crate) fn new(grace: Duration, pool: BlockingPool, returns: Arc<Returns>) -> Self {
        Self {
            grace,
            pool,
            returns,
        }
    }

    /// Runs a task to its end and tells the supervisor.
    pub(crate) fn run(&self, run: RunTask) -> impl Future<Output = ()> + use<> {
        let (grace, pool, returns) = (self.grace, self.pool.clone(), self.returns.clone());
        let RunTask {
            key,
            job,
            params,
            params_metadata,
            context,
            permit,
        } = run;
        let span = context.span().clone();
        let cancellation = context.cancellation().clone();
        let teller = context.clone();
        // Large ones are not held on to.
        let spare = (params.as_bytes().len() <= SMALL).then(|| params.clone());
        let hold = Arc::new(Held {
            permit: Some(permit),
            board: context.board().clone(),
            is_left: AtomicBool::new(false),
        });
        let call = Call {
            params,
            context,
            hold: hold.clone(),
            pool,
        };
        let task = async move {
            let began = Instant::now();
            // It may have waited for this thread to come back from another handler.
            let too_late = cancellation.is_cancelled();
            // Calling is inside as well: arguments are parsed there.
            let body = AssertUnwindSafe(async move {
                if too_late {
                    return Outcome::Cancelled;
                }
                let rules = call.context.rules().clone();
                if let Err(fault) = rules.check_input(&call.params) {
                    return Outcome::Failed(fault);
                }
                // As the orchestrator will see it: with the URIs of uploaded files.
                rules.check_outcome(with_files(&*job, call, params_metadata.as_ref()).await)
            })
            .catch_unwind();
            let ended = tokio::select! {
                biased;
                ended = body => ended,
                () = called_off(&cancellation, grace) => Ok(Outcome::Cancelled),
            };
            let outcome =
                ended.unwrap_or_else(|panic| Outcome::Failed(TaskError::from_panic(&*panic)));
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
            let (back, stays) = if teller.is_plain() {
                (Some(teller), None)
            } else {
                (None, Some(teller))
            };
            returns.put(Ended {
                key,
                outcome,
                ran_for,
                permit,
                rest: (back, spare),
            });
            // Values of the user's may go with it, whose destructors may do anything.
            drop(stays);
        };
        task.instrument(span)
    }
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
    let cancellation = call.context.cancellation().clone();
    call.params = match bring_in(call.params, metadata, &files).await {
        Ok(params) => params,
        Err(stop) => return stop.into(),
    };
    if cancellation.is_cancelled() {
        return Outcome::Cancelled;
    }
    match job.call(call).await {
        Outcome::Completed(reply) => match carry_out(reply, &files).await {
            Ok(reply) => Outcome::Completed(reply),
            Err(stop) => stop.into(),
        },
        other => other,
    }
}

/// Ends when the task was called off and had its time to end by itself.
async fn called_off(cancellation: &crate::Cancellation, grace: Duration) {
    cancellation.cancelled().await;
    tokio::time::sleep(grace).await;
}
