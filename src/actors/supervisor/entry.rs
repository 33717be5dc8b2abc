//! One running task in the supervisor's books.

use std::sync::Arc;

use tokio::time::Instant;

use super::limits::Limit;
use crate::actors::capacity::Permit;
use crate::actors::host::{Place, QueuedTask, TaskQueue};
use crate::handler::ErasedHandler;
use crate::id::{JobId, TaskName};
use crate::json::RawJson;
use crate::rules::Rules;
use crate::storage::TaskFiles;
use crate::task::{CancelReason, Cancellation, ErrorCode, Interruption, Outcome, Task, TaskError};
use crate::trace::TaskSpan;

/// Where a task is.
pub(super) enum Phase {
    /// It waits for a slot of its type.
    Waiting(Waiting),
    /// A handler has it, or will have it as soon as a thread is free.
    Running { since: Instant },
}

/// A task and what is to be done with it.
pub(super) struct Waiting {
    pub(super) task: Box<Task>,
    pub(super) job: Arc<dyn ErasedHandler>,
    pub(super) rules: Arc<Rules>,
}

/// A task that we have.
pub(super) struct Entry {
    /// Tells apart hand-outs of the same id.
    pub(super) attempt: u64,
    pub(super) job_id: JobId,
    pub(super) name: TaskName,
    pub(super) metadata: Option<RawJson>,
    pub(super) phase: Phase,
    pub(super) cancellation: Cancellation,
    pub(super) files: TaskFiles,
    pub(super) span: TaskSpan,
    /// Its slots, while the journal records it.
    pub(super) permit: Option<Permit>,
    /// Its place in the queue of the handler threads, once it is there.
    pub(super) place: Option<Place<QueuedTask>>,
    /// When its time is up, or that of a handler that was cancelled.
    pub(super) limit: Option<Limit>,
}

impl Entry {
    pub(super) fn new(
        attempt: u64,
        waiting: Waiting,
        cancellation: Cancellation,
        files: TaskFiles,
        span: TaskSpan,
    ) -> Self {
        let task = &waiting.task;
        Self {
            attempt,
            job_id: task.job_id.clone(),
            name: task.name.clone(),
            metadata: task.metadata.clone(),
            phase: Phase::Waiting(waiting),
            cancellation,
            files,
            span,
            permit: None,
            place: None,
            limit: None,
        }
    }

    /// Takes the task out to run it. `None`: it runs already.
    pub(super) fn start(&mut self, now: Instant) -> Option<Waiting> {
        match std::mem::replace(&mut self.phase, Phase::Running { since: now }) {
            Phase::Waiting(waiting) => Some(waiting),
            running @ Phase::Running { .. } => {
                self.phase = running;
                None
            }
        }
    }

    /// Takes the task out of the queue of the handler threads. Returns `false` if a thread
    /// has begun it.
    pub(super) fn leaves(&self, queue: &mut TaskQueue<QueuedTask>) -> bool {
        let place = self.place.as_ref();
        place.is_some_and(|place| queue.withdraw(place))
    }
}

/// How a task that was called off ends, given what its handler made of it.
///
/// Work that was finished all the same counts when the worker shuts down. After a
/// cancel it must not: a success would bring the cancelled job back to life
/// (avtomatika 1.0b30). After a time-out the orchestrator has given up on it.
pub(super) fn end_of(reason: CancelReason, outcome: Outcome) -> Outcome {
    match (reason, outcome) {
        (CancelReason::Requested | CancelReason::Orphaned, _) => Outcome::Cancelled,
        (CancelReason::TimedOut, _) => Outcome::Failed(TaskError::new(
            ErrorCode::Timeout,
            "the task did not end in its time",
        )),
        (CancelReason::ShuttingDown, Outcome::Completed(reply)) => Outcome::Completed(reply),
        (CancelReason::ShuttingDown, _) => Outcome::Interrupted(Interruption::ShutDown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;

    #[test]
    fn a_cancelled_task_never_succeeds_and_a_shutdown_never_cancels() {
        let done = Outcome::Completed(Reply::success(&()).unwrap());
        let failed = Outcome::Failed(TaskError::permanent("gave up"));
        for outcome in [done.clone(), failed.clone(), Outcome::Cancelled] {
            assert_eq!(
                end_of(CancelReason::Requested, outcome.clone()),
                Outcome::Cancelled
            );
            let Outcome::Failed(error) = end_of(CancelReason::TimedOut, outcome) else {
                panic!("a failure")
            };
            assert_eq!(error.code(), &ErrorCode::Timeout);
        }
        assert_eq!(end_of(CancelReason::ShuttingDown, done.clone()), done);
        for unfinished in [failed, Outcome::Cancelled] {
            let end = end_of(CancelReason::ShuttingDown, unfinished);
            assert_eq!(end, Outcome::Interrupted(Interruption::ShutDown));
        }
    }
}
