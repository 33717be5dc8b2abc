//! One task on its way to a program, and the answer on its way back.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{Span, info};

use super::exit::Exit;
use crate::handler::{Call, Hold};
use crate::json::RawJson;
use crate::task::{ErrorCode, Interruption, Outcome, TaskContext, TaskError};

/// How long it takes at most until a signal to all processes of a service, the worker and its
/// programs, has reached the worker too, and how often that is looked for.
const SIGNAL_LAG: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// A task for a program.
pub(super) struct Order {
    pub(super) params: RawJson,
    pub(super) task: TaskContext,
    /// The folder of the task.
    pub(super) folder: PathBuf,
    pub(super) span: Span,
    /// How many processes of a pool were given it and ended without having read it.
    pub(super) unread: usize,
    reply: oneshot::Sender<Outcome>,
    /// Nobody waits for the outcome any more.
    forgotten: CancellationToken,
    /// The slot; held until the last process is gone, whatever was reported before.
    hold: Hold,
}

impl Order {
    /// The order of a call, and where its outcome arrives. The task's folder is made.
    pub(super) async fn of(call: Call) -> Result<(Self, Expected), TaskError> {
        let files = call.context.files();
        let folder = files.off_thread(|files| files.folder().map(PathBuf::from));
        let folder = folder.await.map_err(|error| {
            let text = format!("the task's folder cannot be made: {error}");
            TaskError::new(ErrorCode::ResourceExhausted, text)
        })?;
        let (reply, outcome) = oneshot::channel();
        let forgotten = CancellationToken::new();
        let expected = Expected {
            outcome,
            _guard: forgotten.clone().drop_guard(),
        };
        let order = Self {
            params: call.params,
            task: call.context,
            folder,
            span: Span::current(),
            unread: 0,
            reply,
            forgotten,
            hold: call.hold,
        };
        Ok((order, expected))
    }

    /// Waits until the task is called off, or nobody waits for its outcome any more.
    pub(super) fn called_off(&self) -> impl Future<Output = ()> + use<> {
        let cancellation = self.task.cancellation().clone();
        let forgotten = self.forgotten.clone();
        async move {
            tokio::select! {
                () = cancellation.cancelled() => {}
                () = forgotten.cancelled() => {}
            }
        }
    }

    /// Whether that is so now.
    pub(super) fn is_called_off(&self) -> bool {
        self.task.is_cancelled() || self.forgotten.is_cancelled()
    }

    /// The outcome if its program was ended from outside together with the worker, as service
    /// managers do it: the task is interrupted. `None`: the program ended on its own account.
    pub(super) async fn interrupted_by(&self, exit: Exit) -> Option<Outcome> {
        if !exit.may_be_told() {
            return None;
        }
        let began = Instant::now();
        while !self.task.board().is_draining() {
            if began.elapsed() >= SIGNAL_LAG || self.is_called_off() {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
        info!(%exit, "the program was ended from outside while the worker drains");
        Some(Outcome::Interrupted(Interruption::ShutDown))
    }

    /// Reports the outcome. The slot stays taken as long as the returned value is kept.
    pub(super) fn answer(self, outcome: Outcome) -> Hold {
        // Nobody waits for it when the task was called off.
        let _ = self.reply.send(outcome);
        self.hold
    }
}

/// Where the outcome of an order arrives. Dropped, the order is called off.
#[derive(Debug)]
pub(super) struct Expected {
    outcome: oneshot::Receiver<Outcome>,
    _guard: DropGuard,
}

impl Expected {
    /// Waits for the outcome.
    pub(super) async fn outcome(self) -> Outcome {
        let Self { outcome, _guard } = self;
        outcome.await.unwrap_or_else(|_| {
            let text = "the talk with the program broke off";
            Outcome::Failed(TaskError::new(ErrorCode::Internal, text))
        })
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
