//! Registering, again and again until it works, and anew when an orchestrator has
//! forgotten us.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::beat_pace::BeatCause;
use super::refusals::{Endpoint, Remedy};
use super::roles::{Role, shown};
use super::{OrchestratorPool, guarded};
use crate::actors::commands::OpenChannel;
use crate::actors::conductor::AllOver;
use crate::actors::poller::Ready;
use crate::config::reload_secrets_soon;
use crate::id::OrchestratorId;
use crate::status::Exchange;
use crate::transport::{Report, TransportError};

/// A registration was answered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Registered {
    id: OrchestratorId,
    report: Report,
    answer: Result<(), TransportError>,
}

impl OrchestratorPool {
    /// Registers unless that is under way. Waits for the gate where needed.
    pub(super) fn register(&mut self, id: OrchestratorId, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let session = self.session(id);
        if session.registering || session.dismissed.is_some() {
            return;
        }
        session.registering = true;
        if let Some(opens) = session.registration.opens_at(now) {
            ctx.run_later(opens - now, move |pool, ctx| {
                pool.session(id).registering = false;
                pool.register(id, ctx);
            });
            return;
        }
        let transport = session.transport();
        let role = self.role_once_registered(id, now);
        let is_backlogged = self.sessions[id.0].backlogged;
        let card = self.card.clone();
        let (neighbours, me) = (self.neighbours.clone(), ctx.address());
        actix_rt::spawn(async move {
            // Without a report the worker is ending.
            let Ok(Some(report)) = neighbours.heartbeat.send(super::TakeReport).await else {
                return;
            };
            let shown = shown(report.clone(), role, is_backlogged);
            let answer = guarded(transport.register(card, shown)).await;
            me.do_send(Registered { id, report, answer });
        });
    }

    /// The role of an orchestrator when it has registered us: one that was restarted is as
    /// good as any other, and must not take us for busy first, for it may have jobs that
    /// find no other worker.
    fn role_once_registered(&self, id: OrchestratorId, now: Instant) -> Role {
        let mut candidates = self.candidates(now);
        candidates[id.0].working = true;
        if self.selection.wants(&candidates, &candidates[id.0]) {
            Role::Active
        } else {
            self.sessions[id.0].role
        }
    }

    /// The orchestrator does not know us, or does not accept us any more: that is how it
    /// answered a request that was sent at `sent`.
    ///
    /// Registering anew is tried at once. If the same endpoint refuses us again after that, we
    /// stay registered for what works, and further attempts have growing pauses between them.
    pub(super) fn refused_as_stranger(
        &mut self,
        id: OrchestratorId,
        endpoint: Endpoint,
        sent: Instant,
        ctx: &mut Context<Self>,
    ) {
        let session = self.session(id);
        if session.registering || !session.registered {
            return;
        }

        let orchestrator = &session.settings.name;
        match session.refusals.refused(endpoint, sent) {
            Remedy::Nothing => return,
            Remedy::Register => {
                warn!(%orchestrator, ?endpoint, "no longer registered, registering anew");
                session.registered = false;
                self.board.set_registered(id.0, false);
            }
            Remedy::RegisterLater => {
                if !session.registration.is_failing() {
                    warn!(
                        %orchestrator,
                        ?endpoint,
                        "still refused after registering anew, trying again with growing \
                         pauses; is this worker's token allowed to do this?"
                    );
                }
                session.registration.failed(Instant::now(), fastrand::f64());
            }
        }
        self.register(id, ctx);
    }

    /// The orchestrator has answered a request as it answers workers that it knows.
    pub(super) fn answered_as_known(&mut self, id: OrchestratorId, endpoint: Endpoint) {
        let session = self.session(id);
        if session.refusals.answered(endpoint) {
            session.registration.succeeded(Instant::now());
        }
    }

    /// It is over with this orchestrator. When it was the last one, the worker ends.
    pub(super) fn dismissed(&mut self, id: OrchestratorId, reason: &str, in_order: bool) {
        let session = self.session(id);
        if session.dismissed.is_some() {
            return;
        }
        session.registered = false;
        session.dismissed = Some(in_order);
        let name = session.settings.name.clone();
        if in_order {
            info!(orchestrator = %name, reason, "leaving");
        } else {
            error!(orchestrator = %name, reason, "given up");
        }
        self.board.set_registered(id.0, false);
        let over: Option<Vec<_>> = self.sessions.iter().map(|s| s.dismissed).collect();
        if let Some(over) = over {
            let given_up = over.into_iter().filter(|in_order| !in_order).count();
            self.neighbours.conductor.do_send(AllOver { given_up });
        }
    }
}

impl Handler<Registered> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, registered: Registered, ctx: &mut Self::Context) {
        let Registered { id, report, answer } = registered;
        if let Some(link) = self.board.link(id.0) {
            link.note(Exchange::Registration, Duration::ZERO, &answer, true);
        }
        let now = Instant::now();
        let session = self.session(id);
        session.registering = false;
        match answer {
            Ok(()) => {
                // What it is made for decides whether it helped, if the last one did not.
                let is_trusted = !session.refusals.is_refusing_again();
                if is_trusted {
                    info!(orchestrator = %session.settings.name, "registered");
                    session.registration.succeeded(now);
                    // It works again, whatever became of polls before.
                    session.polls.recovered(now);
                }
                session.note_registered(now);
                self.last_report = Some(report.clone());
                self.board.set_registered(id.0, true);
                if is_trusted {
                    self.neighbours.recovered.do_send(super::Recovered(id));
                    self.neighbours.ready.do_send(Ready);
                }
                if let Some(Some(commands)) = self.neighbours.commands.get(id.0) {
                    commands.do_send(OpenChannel);
                }
                self.review_roles(Instant::now(), ctx);
                self.beat(id, report, BeatCause::Change, ctx);
            }
            Err(TransportError::Dismissed { reason, in_order }) => {
                self.dismissed(id, &reason, in_order);
                self.review_roles(Instant::now(), ctx);
            }
            Err(error) => {
                if matches!(error, TransportError::Unauthorized { .. }) {
                    // The token may have changed in its file.
                    reload_secrets_soon();
                }
                match &error {
                    TransportError::RateLimited { retry_after } => {
                        session
                            .registration
                            .rate_limited(now, *retry_after, fastrand::f64());
                    }
                    _ => session.registration.failed(now, fastrand::f64()),
                }
                let again = session.registration.opens_at(now).map(|at| at - now);
                warn!(
                    orchestrator = %session.settings.name,
                    %error,
                    retry_in = ?again.unwrap_or_default(),
                    "registration failed"
                );
                self.register(id, ctx);
                self.review_roles(Instant::now(), ctx);
                self.neighbours.ready.do_send(Ready);
            }
        }
    }
}
