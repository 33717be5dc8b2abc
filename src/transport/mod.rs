//! The seam between the worker and an orchestrator's protocol.
//!
//! The core speaks one vocabulary ([`WorkerCard`], [`Report`], [`Task`],
//! [`TaskResult`]); a [`Transport`] carries it to one orchestrator. It holds no
//! policy: when to poll, how long to back off, what to do with a refused result
//! are decided by the actors, from the [`TransportError`]s it returns.
//! `docs/transports.md` is a guide to writing one.

mod commands;
mod contract;
mod error;
mod failure;
mod greeting;
mod http;
mod report;
mod usage;

#[cfg(feature = "distworker")]
pub mod distworker;
pub mod memory;
pub mod rxon;

use std::fmt;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

pub use commands::{Command, CommandLink, CustomCommand};
pub use contract::Contract;
pub use error::TransportError;
pub use greeting::Greeting;
pub use report::{
    Availability, BeatReply, CancelTarget, Event, Habits, Offer, ProgressUpdate, Receipt, Report,
    RunningTask, SkillCall, Standing, TaskEntry, WorkerCard,
};
pub use usage::{DeviceUsage, Usage};

pub use crate::net::{Attempts, NetError, Proxy, ProxyRoute, ProxyRules, reach};

use crate::json::RawJson;
use crate::task::{Task, TaskResult};

/// Talks to one orchestrator.
///
/// A transport lives on the control thread and is never shared with user code,
/// so it need not be `Send`. Its futures must not block the thread. Every method
/// has to end by itself: each request needs a time limit of its own.
pub trait Transport: fmt::Debug + 'static {
    /// Makes the worker known, with everything it can do. A transport that keeps a
    /// connection and paces its own attempts may wait in here until one works.
    /// Called at start and
    /// whenever the orchestrator is found to have forgotten the worker. Repeating
    /// it is harmless. `report` is the state at this moment, for protocols whose
    /// registration carries it. Cancel-safe.
    fn register(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>>;

    /// Reports the worker's state. The regular ones come one at a time; one that must
    /// be there before a result, or before the worker ends, may overlap with them.
    /// Cancel-safe.
    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>>;

    /// Asks whether the orchestrator still knows the worker, as cheaply as the
    /// protocol allows. Cancel-safe.
    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>>;

    /// Waits for a task: for as long as the server keeps the poll open in a
    /// pulling protocol, until one is assigned in a pushing one. `Ok(None)`:
    /// nothing came, ask again. Several may be open at once.
    ///
    /// **Not cancel-safe**, unless [`Transport::poll_is_cancel_safe`] says so: a
    /// dropped poll may take a task with it, so each is run to its end.
    fn poll(&self, offer: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>>;

    /// Whether an open poll can be dropped without losing a task. `false` unless
    /// overridden.
    fn poll_is_cancel_safe(&self) -> bool {
        false
    }

    /// How many tasks may come by themselves before a poll asks for them. If there are any,
    /// one poll is always to be open, whatever other orchestrators have. 0 unless overridden.
    fn pushes(&self) -> usize {
        0
    }

    /// Hands over a result. `Ok` ends its life here: the orchestrator has it or
    /// has said for certain that it does not want it. Called until then, with
    /// backoff; see [`TransportError`] for what ends the attempts. Cancel-safe in
    /// the sense that a dropped call is repeated later.
    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>>;

    /// Passes on the progress of a running task. Best effort: a failure is logged
    /// and the next value follows anyway. Protocols without progress return `Ok`.
    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>>;

    /// Passes on an event of a running task. `Ok(false)`, unless overridden: the
    /// protocol has no events.
    fn event(&self, event: Event) -> LocalBoxFuture<'_, Result<bool, TransportError>> {
        drop(event);
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Calls a skill of some other worker and waits for what it returns. Refused,
    /// unless overridden: the protocol has no such calls.
    fn call_skill(&self, call: SkillCall) -> LocalBoxFuture<'_, Result<RawJson, TransportError>> {
        let reason = format!(
            "this protocol cannot call skills, {} among them",
            call.skill
        );
        Box::pin(std::future::ready(Err(TransportError::Refused { reason })))
    }

    /// Whether commands come over a connection that there is anyway, so that
    /// [`Transport::open_commands`] is to be called whatever `WORKER_ENABLE_WEBSOCKETS`
    /// says. `false` unless overridden.
    fn has_own_commands(&self) -> bool {
        false
    }

    /// What the worker should know of the orchestrator's ways. Asked again and again, for
    /// it may be found out only when the worker registers.
    fn habits(&self) -> Habits {
        Habits::default()
    }

    /// Opens the way for commands, if the protocol has one; `None`, unless
    /// overridden. Called after a registration when the worker takes commands
    /// (`WORKER_ENABLE_WEBSOCKETS`), and again with backoff when the link has ended
    /// and its [`CommandLink::close`] has returned: there is never more than one.
    ///
    /// Only commands come this way. Progress goes through [`Transport::progress`],
    /// which may use the open link. Cancel-safe.
    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        None
    }
}

/// What [`Transport::open_commands`] returns.
pub type OpeningCommands<'a> = LocalBoxFuture<'a, Result<Box<dyn CommandLink>, TransportError>>;
