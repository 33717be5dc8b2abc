//! Heartbeats to every orchestrator, each at its own pace: one at a time, always
//! the latest state, again when one was lost.

use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::beat_pace::BeatCause;
use super::lease::Moment;
use super::refusals::Endpoint;
use super::roles::shown;
use super::{OrchestratorPool, guarded};
use crate::actors::supervisor::CancelTask;
use crate::id::OrchestratorId;
use crate::status::Exchange;
use crate::task::CancelReason;
use crate::transport::{Availability, BeatReply, Report, TransportError};

/// Tell all orchestrators this state.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SendBeat {
    pub(crate) report: Report,
    pub(crate) cause: BeatCause,
}

/// Tell all orchestrators this state, and return when each has answered or failed: for
/// how long after that they may hand out tasks to a worker that takes none.
#[derive(Debug, Message)]
#[rtype(result = "Duration")]
pub(crate) struct Announce(pub(crate) Report);

/// A heartbeat was answered.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct BeatAnswered {
    id: OrchestratorId,
    report: Report,
    answer: Result<BeatReply, TransportError>,
    /// How long that took.
    took: Duration,
    /// Sent by [`OrchestratorPool::beat`], which sends one at a time.
    in_turn: bool,
}

/// A heartbeat that was sent by somebody else than [`OrchestratorPool::beat`].
pub(super) fn told(
    id: OrchestratorId,
    report: Report,
    answer: Result<BeatReply, TransportError>,
    took: Duration,
) -> BeatAnswered {
    BeatAnswered {
        id,
        report,
        answer,
        took,
        in_turn: false,
    }
}

impl OrchestratorPool {
    /// Sends the state to one orchestrator, or keeps it for when that is possible.
    pub(super) fn beat(
        &mut self,
        id: OrchestratorId,
        report: Report,
        cause: BeatCause,
        ctx: &mut Context<Self>,
    ) {
        let now = Instant::now();
        let session = self.session(id);
        let report = shown(report, session.role, session.backlogged);
        if !session.registered {
            // Registration carries the state and is followed by a beat.
            return;
        }
        if session.beating {
            session.unsent_beat = Some(report);
            return;
        }
        if let Some(opens) = session.beats.opens_at(now) {
            // Silenced while it takes us for busy, the orchestrator would let us
            // starve. Registering is another endpoint and makes us idle again.
            let starving = session.underestimates(&report);
            let first = session.unsent_beat.replace(report).is_none();
            if starving {
                info!(orchestrator = %session.settings.name, "registering to be seen as idle");
                self.register(id, ctx);
            }
            if first {
                ctx.run_later(opens - now, move |pool, ctx| pool.beat_unsent(id, ctx));
            }
            return;
        }
        let counted = session.settings.transport.habits().counts_requests;
        if let Some(until) = session.pace.wait(&report, cause, counted, now) {
            if session.unsent_beat.replace(report).is_none() {
                ctx.run_later(until - now, move |pool, ctx| pool.beat_unsent(id, ctx));
            }
            return;
        }
        session.beating = true;
        // Whatever waited is older.
        session.unsent_beat = None;
        session.pace.sent(&report, now);
        session.lease.sent(Moment::now());
        let (transport, me) = (session.transport(), ctx.address());
        actix_rt::spawn(async move {
            let answer = guarded(transport.heartbeat(report.clone())).await;
            me.do_send(BeatAnswered {
                id,
                report,
                answer,
                took: now.elapsed(),
                in_turn: true,
            });
        });
    }

    /// The orchestrator did not hear of us for longer than it remembers workers, and may
    /// answer strangers as if it knew them.
    fn may_be_forgotten(&mut self, id: OrchestratorId, silent: Duration, ctx: &mut Context<Self>) {
        let orchestrator = &self.session(id).settings.name;
        warn!(
            %orchestrator, ?silent,
            "no heartbeat reached it for longer than it remembers workers, registering anew"
        );
        self.register(id, ctx);
    }

    fn beat_unsent(&mut self, id: OrchestratorId, ctx: &mut Context<Self>) {
        if let Some(report) = self.session(id).unsent_beat.take() {
            self.beat(id, report, BeatCause::Change, ctx);
        }
    }
}

impl Handler<SendBeat> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, beat: SendBeat, ctx: &mut Self::Context) {
        let SendBeat { report, cause } = beat;
        self.last_report = Some(report.clone());
        for place in 0..self.sessions.len() {
            self.beat(OrchestratorId(place), report.clone(), cause, ctx);
        }
    }
}

impl Handler<BeatAnswered> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, answered: BeatAnswered, ctx: &mut Self::Context) {
        let BeatAnswered {
            id,
            report,
            answer,
            took,
            in_turn,
        } = answered;
        if let Some(link) = self.board.link(id.0) {
            link.note(Exchange::Heartbeat, took, &answer, true);
            self.board.heart_has_beaten();
        }
        let now = Instant::now();
        let session = self.session(id);
        session.beating &= !in_turn;
        match answer {
            Ok(reply) if reply.forgotten => {
                self.refused_as_stranger(id, Endpoint::Heartbeat, now - took, ctx);
            }
            Ok(reply) => {
                session.beats.succeeded(now);
                let lease = session.settings.transport.habits().lease;
                let silent = lease
                    .filter(|_| in_turn)
                    .and_then(|lease| session.lease.answered(lease));
                session.note_believed(&report);
                session.pace.put_off(reply.extra_delay);
                if !in_turn {
                    session.pace.sent(&report, now);
                }
                if report.availability != Availability::Idle {
                    session.role.heard(now);
                }
                for target in reply.cancel {
                    let cancel = CancelTask {
                        origin: Some(id),
                        target,
                        reason: CancelReason::Requested,
                    };
                    self.neighbours.supervisor.do_send(cancel);
                }
                self.answered_as_known(id, Endpoint::Heartbeat);
                self.heard_of(id, ctx);
                if let Some(silent) = silent {
                    self.may_be_forgotten(id, silent, ctx);
                }
            }
            Err(error) => {
                let name = &session.settings.name;
                match &error {
                    TransportError::RateLimited { retry_after } => {
                        warn!(orchestrator = %name, "heartbeats are rate limited");
                        session
                            .beats
                            .rate_limited(now, *retry_after, fastrand::f64());
                    }
                    _ if session.beats.is_failing() => {
                        debug!(orchestrator = %name, %error, "heartbeat failed again");
                        session.beats.failed(now, fastrand::f64());
                    }
                    _ => {
                        warn!(orchestrator = %name, %error, "heartbeat failed");
                        session.beats.failed(now, fastrand::f64());
                    }
                }
                let lost = session.note_failure(&error);
                // A newer state may have come meanwhile; it is kept instead.
                session.unsent_beat.get_or_insert(report);
                if lost {
                    self.refused_as_stranger(id, Endpoint::Heartbeat, now - took, ctx);
                }
            }
        }
        let session = self.session(id);
        if let Some(report) = session.unsent_beat.take() {
            self.beat(id, report, BeatCause::Change, ctx);
        }
    }
}

impl Handler<Announce> for OrchestratorPool {
    type Result = ResponseFuture<Duration>;

    fn handle(&mut self, Announce(report): Announce, ctx: &mut Self::Context) -> Self::Result {
        let mut requests = Vec::new();
        let lag = |session: &super::Session| session.settings.transport.habits().dispatch_lag;
        let lag = self.sessions.iter().map(lag).max().unwrap_or_default();
        for session in self.sessions.iter().filter(|session| session.registered) {
            let (transport, report, me) = (session.transport(), report.clone(), ctx.address());
            let id = session.settings.id;
            requests.push(async move {
                let sent = Instant::now();
                let answer = guarded(transport.heartbeat(report.clone())).await;
                me.do_send(told(id, report, answer, sent.elapsed()));
            });
        }
        Box::pin(async move {
            join_all(requests).await;
            lag
        })
    }
}
