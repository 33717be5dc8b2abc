//! Polls: to whom, and what becomes of them.

use std::collections::HashMap;
use std::time::Duration;

use actix::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

use super::refusals::Endpoint;
use super::{OrchestratorPool, guarded};
use crate::actors::capacity::Permit;
use crate::actors::poller::{PollEnded, PollOutcome, Ready};
use crate::id::OrchestratorId;
use crate::status::Exchange;
use crate::task::Task;
use crate::transport::{Offer, Standing, Transport, TransportError};

/// A poll that is still open after this time shows that the way is free again.
const HELD: Duration = Duration::from_secs(1);

/// So many polls in a row that end by our own limit are told with the likely cause.
const LATE_POLLS: u32 = 2;

/// Poll whichever orchestrator is next, for each permit. The answer is a [`PollEnded`] for
/// each, always.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PollNext {
    pub(crate) permits: Vec<Permit>,
    pub(crate) offer: Offer,
}

/// Drop polls that are still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) enum DropPolls {
    /// Those that can be dropped without harm.
    Harmless,
    /// All of them. A task may be lost with each, unless its orchestrator has
    /// learnt that we take none any more.
    All,
}

/// No more polls will be sent. Those that are still open are dropped, and the next process
/// learns from the journal for how long orchestrators may hold them.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct ClosePolls;

/// A poll was answered.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PollAnswered {
    number: u64,
    answer: Result<Option<Task>, TransportError>,
}

/// The polls that are open.
#[derive(Default)]
pub(super) struct OpenPolls {
    next: u64,
    open: HashMap<u64, OpenPoll>,
}

struct OpenPoll {
    id: OrchestratorId,
    permit: Permit,
    sent: Instant,
    request: JoinHandle<()>,
}

impl Handler<PollNext> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, polls: PollNext, ctx: &mut Self::Context) {
        let PollNext { permits, mut offer } = polls;
        if let Some(report) = &self.last_report {
            offer.hot = report.hot_skills.clone();
        }
        let now = Instant::now();
        for permit in permits {
            self.poll(permit, offer.clone(), now, ctx);
        }
        self.review_roles(now, ctx);
    }
}

impl OrchestratorPool {
    fn poll(&mut self, permit: Permit, offer: Offer, now: Instant, ctx: &mut Context<Self>) {
        let next = self
            .last_poll(now)
            .or_else(|| self.selection.pick(&self.candidates(now)));
        let Some(id) = next else {
            let opens = |s: &super::Session| s.registered.then(|| s.polls.opens_at(now)).flatten();
            let outcome = PollOutcome::NobodyReady(self.sessions.iter().filter_map(opens).min());
            return self.neighbours.polls.do_send(PollEnded {
                permit,
                sent: now,
                outcome,
            });
        };
        self.count_open_polls(id, 1);
        let session = self.session(id);
        let (transport, suspect) = (session.transport(), session.suspect.get());
        let on_trial = session.polls.is_failing();
        if !transport.poll_is_cancel_safe()
            && let Some(held) = self.trace.sent(now)
            && let Some(journal) = &self.neighbours.journal
        {
            journal.polls_held(held);
        }
        let number = self.polls.next;
        self.polls.next += 1;
        let me = ctx.address();
        let request = actix_rt::spawn(async move {
            let answer = ask(&*transport, offer, suspect).await;
            me.do_send(PollAnswered { number, answer });
        });
        let open = OpenPoll {
            id,
            permit,
            sent: now,
            request,
        };
        self.polls.open.insert(number, open);
        if on_trial {
            ctx.run_later(HELD, move |pool, ctx| pool.poll_is_held(number, ctx));
        }
    }
}

/// One poll. After trouble it asks first whether the orchestrator still knows us:
/// a restarted one holds polls of strangers without a word (avtomatika 1.0b12).
async fn ask(
    transport: &dyn Transport,
    offer: Offer,
    suspect: bool,
) -> Result<Option<Task>, TransportError> {
    if suspect {
        match guarded(transport.probe()).await {
            Ok(Standing::Known) | Err(TransportError::RateLimited { .. }) => {}
            Ok(Standing::Forgotten) => return Err(TransportError::NotRegistered),
            Err(error) => return Err(error),
        }
    }
    guarded(transport.poll(offer)).await
}

impl Handler<PollAnswered> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, answered: PollAnswered, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.poll_answered(answered, now, ctx);
        self.review_roles(now, ctx);
    }
}

impl OrchestratorPool {
    fn poll_answered(&mut self, answered: PollAnswered, now: Instant, ctx: &mut Context<Self>) {
        let Some(poll) = self.polls.open.remove(&answered.number) else {
            // The poll was dropped while its answer was on the way here.
            if let Ok(Some(task)) = answered.answer {
                self.too_late(&task);
            }
            return;
        };
        let OpenPoll {
            id, permit, sent, ..
        } = poll;
        let found = matches!(answered.answer, Ok(Some(_)));
        if let Some(link) = self.board.link(id.0) {
            link.note(Exchange::Poll, now - sent, &answered.answer, found);
        }
        self.count_open_polls(id, -1);
        let session = self.session(id);
        let outcome = match answered.answer {
            Ok(found) => {
                session.polls.succeeded(now);
                session.late_polls = 0;
                session.flowing = found.is_some();
                if found.is_none() {
                    session.role.came_back_empty(sent, now);
                }
                self.answered_as_known(id, Endpoint::Poll);
                self.heard_of(id, ctx);
                found.map_or(PollOutcome::Nothing, |task| {
                    PollOutcome::Found(Box::new(task))
                })
            }
            Err(error) => {
                session.flowing = false;
                if !session.transport().poll_is_cancel_safe() {
                    self.trace.left(sent);
                }
                self.note_late_poll(id, &error, now - sent);
                self.poll_failed(id, &error, sent, now, ctx);
                PollOutcome::Failed
            }
        };
        self.neighbours.polls.do_send(PollEnded {
            permit,
            sent,
            outcome,
        });
    }
}

impl OrchestratorPool {
    /// Polls that end by our own limit, again and again, have a cause that can be mended.
    fn note_late_poll(&mut self, id: OrchestratorId, error: &TransportError, took: Duration) {
        let hold = self.trace.hold();
        let session = self.session(id);
        if !matches!(error, TransportError::NoAnswer { .. }) || took < hold {
            return;
        }
        session.late_polls += 1;
        // Those of an outage end earlier, and not all of them by our limit.
        if session.late_polls == LATE_POLLS && session.registered {
            warn!(
                orchestrator = %session.settings.name,
                polls = LATE_POLLS,
                "polls are not answered although the orchestrator knows this worker, so tasks may \
                 be lost: TASK_POLL_TIMEOUT may be less than it holds polls \
                 (WORKER_POLL_TIMEOUT_SECONDS there), or its Redis client may give up sooner \
                 (socket_timeout of redis-py), see docs/deploying.md"
            );
        }
    }

    fn count_open_polls(&mut self, id: OrchestratorId, change: isize) {
        let session = self.session(id);
        session.open_polls = session.open_polls.saturating_add_signed(change);
        let open = session.open_polls;
        if let Some(link) = self.board.link(id.0) {
            link.set_open_polls(open);
        }
    }

    /// After a failure an orchestrator counts as working again when it holds a
    /// poll; its answer may be half a minute away.
    fn poll_is_held(&mut self, number: u64, ctx: &mut Context<Self>) {
        if let Some(poll) = self.polls.open.get(&number) {
            let id = poll.id;
            let now = Instant::now();
            self.session(id).polls.recovered(now);
            self.neighbours.ready.do_send(Ready);
            self.review_roles(now, ctx);
        }
    }
}

impl Handler<DropPolls> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, which: DropPolls, _: &mut Self::Context) {
        self.drop_polls(which);
    }
}

impl Handler<ClosePolls> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, _: ClosePolls, _: &mut Self::Context) {
        self.drop_polls(DropPolls::All);
        if let Some(journal) = &self.neighbours.journal
            && self.trace.has_sent()
        {
            let held = self.trace.held_for(Instant::now());
            if !held.is_zero() {
                info!(
                    seconds = held.as_secs_f64().ceil(),
                    "polls are left that orchestrators may hold: the next process waits for their end"
                );
            }
            journal.polls_held(held);
        }
    }
}

impl OrchestratorPool {
    fn drop_polls(&mut self, which: DropPolls) {
        let sessions = &self.sessions;
        let harmless = |poll: &OpenPoll| sessions[poll.id.0].transport().poll_is_cancel_safe();
        let dropped: Vec<_> = self
            .polls
            .open
            .extract_if(|_, poll| which == DropPolls::All || harmless(poll))
            .map(|(_, poll)| (harmless(&poll), poll))
            .collect();
        for (is_harmless, poll) in dropped {
            poll.request.abort();
            if !is_harmless {
                self.trace.left(poll.sent);
            }
            self.count_open_polls(poll.id, -1);
            self.neighbours.polls.do_send(PollEnded {
                permit: poll.permit,
                sent: poll.sent,
                outcome: PollOutcome::Nothing,
            });
        }
    }
}
