//! Takes results to their orchestrators and does not let go of one before it has
//! an answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{info, warn};

mod answers;
mod backlog;
mod flow;
mod outbox;
mod records;
mod recovered;

use backlog::{Backlog, BacklogChange};
use flow::Flow;
use records::ResultRecords;
use recovered::RecoveredResults;

use super::journal::JournalHandle;
use super::poller::{Hold, SetHold};
use super::pool::{Deliver, SetBacklogged};
use super::supervisor::DeliverResult;
use crate::id::{OrchestratorId, TaskId};
use crate::status::StatusBoard;
use crate::storage::TaskFiles;
use crate::task::TaskResult;
use crate::transport::{Receipt, TransportError};
pub(crate) use outbox::{Outbox, Ticket};

/// An orchestrator that was out of reach has answered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Recovered(pub(crate) OrchestratorId);

/// Deliver these results of an earlier process, each once its orchestrator knows
/// us. The poller is held back until then.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Redeliver {
    pub(crate) results: Vec<TaskResult>,
    /// The folders of some of these tasks.
    pub(crate) files: Vec<(TaskId, TaskFiles)>,
    /// For how long orchestrators may hold polls of the process before. Until then, and until
    /// they have heard that this one takes tasks, results wait: avtomatika hands an interrupted
    /// task out again at once, and gives it up if no worker is free.
    pub(crate) polls_left: Duration,
}

/// How many results are not delivered yet?
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct GetUnsent;

/// An attempt to deliver a result has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Answered {
    pub(crate) ticket: Ticket,
    pub(crate) answer: Result<Receipt, TransportError>,
}

/// How long it takes orchestrators to hear that the worker takes tasks again.
const HEARD: Duration = Duration::from_secs(2);

/// The longest that results of an earlier process hold back the first poll.
const LEFTOVERS_FIRST: Duration = Duration::from_secs(5);

struct Parcel {
    result: Arc<TaskResult>,
    since: Instant,
    /// Removed with the parcel.
    files: Option<TaskFiles>,
}

/// Delivers results.
pub(crate) struct Courier {
    outbox: Outbox,
    parcels: HashMap<Ticket, Parcel>,
    pool: Recipient<Deliver>,
    lanes: Recipient<SetBacklogged>,
    board: Arc<StatusBoard>,
    records: ResultRecords,
    recovered: RecoveredResults,
    /// When results of the process before may go.
    redeliver_at: Option<Instant>,
    /// The folders of tasks among the recovered.
    kept: Vec<(TaskId, TaskFiles)>,
    poller: Recipient<SetHold>,
    /// The next attempt that is known of.
    alarm: Option<(Instant, SpawnHandle)>,
    backlog: Backlog,
    /// By orchestrator.
    flows: HashMap<OrchestratorId, Flow>,
}

impl Courier {
    pub(crate) fn new(
        outbox: Outbox,
        pool: Recipient<Deliver>,
        lanes: Recipient<SetBacklogged>,
        poller: Recipient<SetHold>,
        journal: Option<JournalHandle>,
        max_bytes: u64,
        board: Arc<StatusBoard>,
    ) -> Self {
        Self {
            records: ResultRecords::new(journal),
            recovered: RecoveredResults::default(),
            redeliver_at: None,
            kept: Vec::new(),
            poller,
            parcels: HashMap::new(),
            pool,
            lanes,
            board,
            alarm: None,
            backlog: Backlog::new(outbox.lanes(), max_bytes),
            outbox,
            flows: HashMap::new(),
        }
    }

    fn mind_the_backlog(&mut self) {
        let (unsent, bytes) = (self.unsent(), self.backlog.bytes());
        for change in self.backlog.changes() {
            match change {
                BacklogChange::Of(place, on) => {
                    let id = OrchestratorId(place);
                    self.lanes.do_send(SetBacklogged { id, on });
                }
                BacklogChange::All(on) => {
                    if on {
                        warn!(unsent, bytes, "results pile up, no more tasks are taken");
                    } else {
                        info!(
                            unsent,
                            bytes, "enough results are out, tasks are taken again"
                        );
                    }
                    let why = Hold::Backlog;
                    self.poller.do_send(SetHold { why, on });
                }
            }
        }
    }

    fn unsent(&self) -> usize {
        self.outbox.len() + self.recovered.waiting()
    }

    fn accept(&mut self, result: Arc<TaskResult>, files: Option<TaskFiles>) -> Ticket {
        let ticket = self.outbox.add(result.origin.0);
        let parcel = Parcel {
            result,
            since: Instant::now(),
            files,
        };
        self.parcels.insert(ticket, parcel);
        ticket
    }

    /// The result needs no more care, here and in the journal.
    fn close(&mut self, ticket: Ticket) {
        let Some(parcel) = self.parcels.remove(&ticket) else {
            return;
        };
        self.backlog.remove(&parcel.result);
        self.tell_of_end(parcel.result.origin, ticket);
        self.records.delivered(&parcel.result);
        if self.recovered.ended(ticket) {
            self.release();
        }
    }

    /// Polls may go out.
    fn release(&self) {
        self.poller.do_send(SetHold {
            why: Hold::Leftovers,
            on: false,
        });
    }

    /// Sends what is due and sets the alarm for the rest.
    fn go(&mut self, now: Instant, ctx: &mut Context<Self>) {
        for ticket in self.outbox.due(now) {
            let Some(parcel) = self.parcels.get(&ticket) else {
                continue;
            };
            // Without a pool the worker is ending, and what is unsent stays so.
            self.pool.do_send(Deliver {
                ticket,
                result: parcel.result.clone(),
            });
        }
        self.board.set_unsent(self.unsent());
        self.mind_the_backlog();
        let next = self.outbox.wake_at(now);
        if self.alarm.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            ctx.cancel_future(timer);
        }
        self.alarm = next.map(|at| {
            let timer = ctx.run_later(at.saturating_duration_since(now), |courier, ctx| {
                courier.alarm = None;
                courier.go(Instant::now(), ctx);
            });
            (at, timer)
        });
    }
}

impl Drop for Courier {
    /// What the journal keeps for the next process, it may need the files of.
    fn drop(&mut self) {
        if !self.records.are_kept() {
            return;
        }
        let parcels = self
            .parcels
            .values()
            .filter_map(|parcel| parcel.files.as_ref());
        for files in parcels.chain(self.kept.iter().map(|(_, files)| files)) {
            files.leave();
        }
    }
}

impl Actor for Courier {
    type Context = Context<Self>;
}

impl Handler<DeliverResult> for Courier {
    type Result = ();

    fn handle(&mut self, deliver: DeliverResult, ctx: &mut Self::Context) {
        let DeliverResult { result, files } = deliver;
        let result = Arc::new(result);
        self.records.finished(&result);
        self.backlog.add(&result);
        self.accept(result, files);
        self.go(Instant::now(), ctx);
    }
}

impl Handler<Redeliver> for Courier {
    type Result = ();

    fn handle(&mut self, redeliver: Redeliver, _: &mut Self::Context) {
        let Redeliver {
            results,
            files,
            polls_left,
        } = redeliver;
        if !polls_left.is_zero() {
            self.redeliver_at = Instant::now().checked_add(polls_left + HEARD);
        }
        if results.is_empty() {
            return;
        }
        self.poller.do_send(SetHold {
            why: Hold::Leftovers,
            on: true,
        });
        for result in &results {
            self.backlog.add(result);
        }
        self.recovered.wait_for_orchestrators(results);
        self.kept = files;
        self.board.set_unsent(self.unsent());
    }
}

impl Handler<Recovered> for Courier {
    type Result = ();

    fn handle(&mut self, Recovered(id): Recovered, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.outbox.recovered(id.0, now);
        if let Some(at) = self.redeliver_at.filter(|at| *at > now)
            && self.recovered.waiting() > 0
        {
            ctx.notify_later(Recovered(id), at - now);
            self.go(now, ctx);
            return;
        }
        if self.recovered.is_first() {
            ctx.run_later(LEFTOVERS_FIRST, |courier, _| courier.release());
        }
        for result in self.recovered.of(id) {
            let kept = self.kept.iter().position(|(id, _)| *id == result.task_id);
            let files = kept.map(|place| self.kept.swap_remove(place).1);
            let ticket = self.accept(Arc::new(result), files);
            self.recovered.sent(ticket);
        }
        if self.recovered.are_out() {
            self.release();
        }
        self.go(now, ctx);
    }
}

impl Handler<GetUnsent> for Courier {
    type Result = usize;

    fn handle(&mut self, _: GetUnsent, _: &mut Self::Context) -> usize {
        self.unsent()
    }
}
