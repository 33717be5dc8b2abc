//! The orchestrators: their transports, their health, and everything that is
//! sent to them. Whoever wants something from an orchestrator asks here.
//!
//! The actor only decides; requests run as tasks of their own on the same thread
//! and come back as messages.

mod beat_pace;
mod beats;
mod deliver;
mod lease;
mod poll_trace;
mod polls;
mod refusals;
mod registration;
mod roles;
mod session;
mod tell;
mod trouble;

use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

pub(crate) use beat_pace::BeatCause;
pub(crate) use beats::{Announce, SendBeat};
pub(crate) use deliver::{Deliver, SetBacklogged};
use poll_trace::PollTrace;
use polls::OpenPolls;
pub(crate) use polls::{ClosePolls, DropPolls, PollNext};
use session::Session;
pub(crate) use session::SessionSettings;
pub(crate) use tell::{CallSkill, Tell};

use super::commands::OpenChannel;
use super::conductor::AllOver;
use super::courier::{Answered, Recovered};
use super::heartbeat::TakeReport;
use super::journal::JournalHandle;
use super::poller::{PollEnded, Ready, Sidelined};
use super::supervisor::{CancelTask, DeliverResult};
use crate::config::Timing;
use crate::id::OrchestratorId;
use crate::selection::{Candidate, Selection};
use crate::status::StatusBoard;
use crate::transport::{Report, TransportError, WorkerCard};

/// Who hears of what happens here.
pub(crate) struct Neighbours {
    pub(crate) polls: Recipient<PollEnded>,
    pub(crate) ready: Recipient<Ready>,
    pub(crate) sidelined: Recipient<Sidelined>,
    pub(crate) heartbeat: Recipient<TakeReport>,
    pub(crate) results: Recipient<DeliverResult>,
    pub(crate) answered: Recipient<Answered>,
    pub(crate) recovered: Recipient<Recovered>,
    pub(crate) supervisor: Recipient<CancelTask>,
    pub(crate) conductor: Recipient<AllOver>,
    pub(crate) journal: Option<JournalHandle>,
    /// By orchestrator; not all have one.
    pub(crate) commands: Vec<Option<Recipient<OpenChannel>>>,
}

/// All orchestrators of this worker.
pub(crate) struct OrchestratorPool {
    sessions: Vec<Session>,
    selection: Box<dyn Selection>,
    card: Arc<WorkerCard>,
    neighbours: Rc<Neighbours>,
    polls: OpenPolls,
    trace: PollTrace,
    board: Arc<StatusBoard>,
    /// The latest state of the worker.
    last_report: Option<Report>,
    /// Polls that do not count, as the poller was told last.
    sidelined: usize,
}

impl OrchestratorPool {
    pub(crate) fn new(
        sessions: Vec<SessionSettings>,
        selection: Box<dyn Selection>,
        timing: &Timing,
        card: Arc<WorkerCard>,
        neighbours: Neighbours,
        board: Arc<StatusBoard>,
    ) -> Self {
        Self {
            sessions: sessions
                .into_iter()
                .map(|s| Session::new(s, timing))
                .collect(),
            selection,
            card,
            neighbours: Rc::new(neighbours),
            polls: OpenPolls::default(),
            trace: PollTrace::new(timing.poll_timeout),
            board,
            last_report: None,
            sidelined: 0,
        }
    }

    fn session(&mut self, id: OrchestratorId) -> &mut Session {
        &mut self.sessions[id.0]
    }

    /// The orchestrators, as strategies see them.
    fn candidates(&self, now: Instant) -> Vec<Candidate> {
        let sessions = self.sessions.iter();
        sessions.map(|session| session.candidate(now)).collect()
    }

    /// The orchestrator answered: whatever waits for it may go.
    fn heard_of(&mut self, id: OrchestratorId, ctx: &mut Context<Self>) {
        let session = self.session(id);
        if session.was_silent() {
            let now = Instant::now();
            session.polls.reopen(now);
            self.neighbours.recovered.do_send(Recovered(id));
            self.neighbours.ready.do_send(Ready);
            self.review_roles(now, ctx);
        }
    }
}

impl Actor for OrchestratorPool {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.review_roles(Instant::now(), ctx);
        for place in 0..self.sessions.len() {
            self.register(OrchestratorId(place), ctx);
        }
    }
}

/// Runs a request of a transport so that a panic in it is an error like any other.
pub(super) async fn guarded<T>(
    request: LocalBoxFuture<'_, Result<T, TransportError>>,
) -> Result<T, TransportError> {
    use futures_util::FutureExt;
    match std::panic::AssertUnwindSafe(request).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => Err(TransportError::Malformed {
            reason: "the transport panicked".to_owned(),
            task: None,
        }),
    }
}
