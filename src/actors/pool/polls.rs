//! Polls: to whom, and what their answers mean for that orchestrator.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::carriers::Errand;
use super::{OrchestratorPool, guarded};
use crate::actors::capacity::Permit;
use crate::actors::poller::{PollEnded, PollOutcome, Ready};
use crate::actors::supervisor::DeliverResult;
use crate::actors::tray::{Fetch, Tray};
use crate::hashed::Hashed;
use crate::id::{JobId, OrchestratorId, TaskId};
use crate::status::Exchange;
use crate::task::{ErrorCode, INTERRUPTED, Outcome, Task, TaskError, TaskResult};
use crate::transport::{Offer, Standing, Transport, TransportError};

/// A poll that is still open after this time shows that the way is free again.
const HELD: Duration = Duration::from_secs(1);

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

/// A poll was answered.
pub(super) struct PollAnswered {
    number: u64,
    answer: Result<Option<Task>, TransportError>,
}

/// The polls that are open.
#[derive(Default)]
pub(super) struct OpenPolls {
    next: u64,
    open: HashMap<u64, OpenPoll, Hashed>,
    /// Where their answers come, once we have an address.
    tray: Option<Rc<Tray<PollAnswered>>>,
}

struct OpenPoll {
    id: OrchestratorId,
    permit: Permit,
    sent: Instant,
    request: Errand,
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
        let next = self.last_poll(now).or_else(|| {
            self.look_around(now);
            self.selection.pick(&self.candidates)
        });
        let Some(id) = next else {
            let opens = |s: &super::Session| s.registered.then(|| s.polls.opens_at(now)).flatten();
            let outcome = PollOutcome::NobodyReady(self.sessions.iter().filter_map(opens).min());
            return self.neighbours.polls.put(PollEnded {
                permit,
                sent: now,
                outcome,
            });
        };
        self.count_open_polls(id, 1);
        let session = self.session(id);
        let (transport, suspect) = (session.transport(), session.suspect.get());
        let on_trial = session.polls.is_failing();
        let number = self.polls.next;
        self.polls.next += 1;
        let answers = self.polls.tray(ctx);
        let request = self.carriers.run(async move {
            let answer = ask(&*transport, offer, suspect).await;
            answers.put(PollAnswered { number, answer });
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

impl OpenPolls {
    fn tray(&mut self, ctx: &Context<OrchestratorPool>) -> Rc<Tray<PollAnswered>> {
        let tray = || Rc::new(Tray::new(ctx.address().recipient()));
        self.tray.get_or_insert_with(tray).clone()
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

impl Handler<Fetch<PollAnswered>> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, _: Fetch<PollAnswered>, ctx: &mut Self::Context) {
        let now = Instant::now();
        let tray = self.polls.tray(ctx);
        tray.each(|answered| self.poll_answered(answered, now, ctx));
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
                session.flowing = found.is_some();
                if found.is_none() {
                    session.role.came_back_empty(sent, now);
                }
                self.heard_of(id, ctx);
                found.map_or(PollOutcome::Nothing, |task| {
                    PollOutcome::Found(Box::new(task))
                })
            }
            Err(error) => {
                session.flowing = false;
                self.poll_failed(id, &error, now, ctx);
                PollOutcome::Failed
            }
        };
        self.neighbours.polls.put(PollEnded {
            permit,
            sent,
            outcome,
        });
    }
}

impl OrchestratorPool {
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

    fn poll_failed(
        &mut self,
        id: OrchestratorId,
        error: &TransportError,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let session = self.session(id);
        let name = session.settings.name.clone();
        let was_failing = session.polls.is_failing();
        match error {
            TransportError::RateLimited { retry_after } => {
                session
                    .polls
                    .rate_limited(now, *retry_after, fastrand::f64());
                let quiet = session
                    .polls
                    .opens_at(now)
                    .map(|at| at - now)
                    .unwrap_or_default();
                warn!(orchestrator = %name, ?quiet, "polls are rate limited");
            }
            TransportError::Malformed {
                reason,
                task: Some(ids),
            } => {
                error!(orchestrator = %name, task_id = %ids.0, %reason, "a task cannot be read");
                // Not the fault of the way: the next poll may be fine.
                let failure = TaskError::permanent(format!("the task cannot be read: {reason}"));
                return self.report_unread(id, ids, failure);
            }
            TransportError::Untrusted { reason, task: ids } => {
                error!(orchestrator = %name, task_id = %ids.0, %reason, "a task was not accepted");
                let failure = TaskError::new(ErrorCode::Security, reason.clone());
                return self.report_unread(id, ids, failure);
            }
            TransportError::CutOff { reason, task: ids } => {
                warn!(orchestrator = %name, task_id = %ids.0, %reason, "a task was cut off");
                let failure = TaskError::transient(format!("cut off on its way: {reason}"));
                self.report_unread(id, ids, failure);
            }
            TransportError::Dismissed { reason, in_order } => {
                return self.dismissed(id, reason, *in_order);
            }
            error => {
                session.polls.failed(now, fastrand::f64());
                if let Some(opens) = session.polls.opens_at(now) {
                    ctx.run_later(opens - now, |pool, _| pool.count_sidelined(Instant::now()));
                }
                if was_failing {
                    debug!(orchestrator = %name, %error, "poll failed again");
                } else {
                    warn!(orchestrator = %name, %error, "poll failed");
                }
            }
        }
        if self.session(id).note_failure(error) {
            self.lost_registration(id, ctx);
        }
    }

    /// A task came when the worker had turned away already.
    fn too_late(&self, task: &Task) {
        warn!(task_id = %task.id, "a task came too late");
        let failure = Outcome::Failed(TaskError::transient(INTERRUPTED));
        let result = TaskResult::of(task, failure, Duration::ZERO);
        self.neighbours.results.put(DeliverResult {
            result,
            files: None,
        });
    }

    /// A task was handed out to us that we have only the ids of.
    fn report_unread(
        &self,
        id: OrchestratorId,
        (task_id, job_id): &(TaskId, JobId),
        failure: TaskError,
    ) {
        let params = crate::RawJson::empty_object();
        let task = Task::new(id, task_id.as_str(), job_id.as_str(), "", params);
        let result = TaskResult::of(&task, Outcome::Failed(failure), Duration::ZERO);
        self.neighbours.results.put(DeliverResult {
            result,
            files: None,
        });
    }
}

impl Handler<DropPolls> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, which: DropPolls, _: &mut Self::Context) {
        let sessions = &self.sessions;
        let harmless = |poll: &OpenPoll| sessions[poll.id.0].transport().poll_is_cancel_safe();
        let dropped: Vec<_> = self
            .polls
            .open
            .extract_if(|_, poll| which == DropPolls::All || harmless(poll))
            .collect();
        for (_, poll) in dropped {
            poll.request.abort(&self.carriers);
            self.count_open_polls(poll.id, -1);
            self.neighbours.polls.put(PollEnded {
                permit: poll.permit,
                sent: poll.sent,
                outcome: PollOutcome::Nothing,
            });
        }
    }
}
