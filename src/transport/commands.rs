//! What an orchestrator says by itself, where its protocol has a way for that.

use futures_util::future::LocalBoxFuture;

use super::{CancelTarget, TransportError};
use crate::id::{JobId, TaskId};
use crate::json::RawJson;

/// Something an orchestrator wants of the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Call off a task.
    Cancel(CancelTarget),
    /// Call off a task that runs here and whose result nobody will take any more. What
    /// does not run is no matter.
    Orphan(TaskId),
    /// Anything else. It goes to the handler that the worker's user registered for
    /// this name, see [`WorkerBuilder::command`](crate::WorkerBuilder::command).
    Custom(CustomCommand),
}

/// A command that the protocol does not define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomCommand {
    /// What it is called.
    pub name: String,
    /// What comes with it, `{}` if nothing does.
    pub params: RawJson,
    /// The task it is about, if any.
    pub task_id: Option<TaskId>,
    /// The job it is about, if any.
    pub job_id: Option<JobId>,
}

/// An open way for commands, see [`Transport::open_commands`](super::Transport::open_commands).
pub trait CommandLink {
    /// Waits for the next command. Called all the time while the link is open, so
    /// it is also the place to answer pings, to notice that the other side has gone
    /// silent and to write whatever else goes over this link. What cannot be
    /// understood is logged and skipped.
    ///
    /// An error is the end of the link: [`CommandLink::close`] is called, and when
    /// that has returned another link is opened after a while.
    /// [`TransportError::Unauthorized`] and [`TransportError::Refused`] make that
    /// while a long one.
    ///
    /// **Cancel-safe**: a dropped call must take no command with it.
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Command, TransportError>>;

    /// Ends the link and returns when the orchestrator has taken note, or after a
    /// few seconds without an answer. Also called after an error.
    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()>;
}
