//! Writes the journal, on a thread of its own: files may be slow. What has come while a
//! write was under way is written together next.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix::prelude::*;
use tracing::{error, info, warn};

use super::{CloseJournal, JournalEntry, Received, Record};
use crate::actors::poller::{Hold, SetHold};
use crate::actors::supervisor::{JournalAck, TaskKey};
use crate::config::JournalSync;
use crate::id::{OrchestratorId, TaskId};
use crate::status::StatusBoard;
use crate::storage::JournalError;
use crate::storage::journal::{Change, HandedOut, Journal, Slot, sync};

/// After a failure the disk is tried again this much later.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is checked that the files are still there, while they hold something.
const CHECK: Duration = Duration::from_secs(5);
/// How much later records are on the disk with `AXON_JOURNAL_SYNC=interval`.
const SYNC: Duration = Duration::from_secs(1);

/// Forcing files to the disk.
#[derive(Default)]
struct Syncing {
    is_under_way: bool,
    has_failed: bool,
}

/// Writes records.
pub(crate) struct JournalKeeper {
    /// `None` once it is closed.
    journal: Option<Journal>,
    /// Of the orchestrators, in their order.
    names: Vec<Arc<str>>,
    supervisor: Recipient<JournalAck>,
    poller: Recipient<SetHold>,
    board: Arc<StatusBoard>,
    /// Tasks that begin when the next commit is done, and whether they are refused.
    acks: Vec<(TaskKey, bool)>,
    /// A commit follows when the mailbox is empty.
    is_commit_due: bool,
    /// After a failure: nothing is tried before this has run.
    retry: Option<SpawnHandle>,
    is_failing: bool,
    is_full: bool,
    upkeep_every: Duration,
    /// The next upkeep, if there is something to keep up.
    upkeep: Option<SpawnHandle>,
    syncing: Syncing,
}

impl JournalKeeper {
    /// `names` are those of the orchestrators, in their order.
    pub(crate) fn new(
        journal: Journal,
        sync: JournalSync,
        names: Vec<Arc<str>>,
        supervisor: Recipient<JournalAck>,
        poller: Recipient<SetHold>,
        board: Arc<StatusBoard>,
    ) -> Self {
        Self {
            journal: Some(journal),
            names,
            supervisor,
            poller,
            board,
            acks: Vec::new(),
            is_commit_due: false,
            retry: None,
            is_failing: false,
            is_full: false,
            upkeep_every: match sync {
                JournalSync::Interval => SYNC,
                JournalSync::Off | JournalSync::Always => CHECK,
            },
            upkeep: None,
            syncing: Syncing::default(),
        }
    }

    fn take(&mut self, entry: JournalEntry) {
        let Some(journal) = &mut self.journal else {
            // The worker is ending; a task that still begins must not wait.
            if let JournalEntry::Received(task) = entry
                && task.begins
            {
                self.acks.push((task.key, false));
            }
            return;
        };

        let names = &self.names;
        let change = |origin: OrchestratorId, task_id: TaskId, slot| Change {
            orchestrator: names.get(origin.0).cloned().unwrap_or_default(),
            task_id,
            slot,
        };
        match entry {
            JournalEntry::Received(task) => {
                let Received {
                    key,
                    job_id,
                    name,
                    begins,
                } = task;
                if begins {
                    let is_refused = journal.refuses(&job_id, &name, SystemTime::now());
                    self.acks.push((key.clone(), is_refused));
                }
                let task = HandedOut {
                    job_id,
                    name,
                    begins,
                };
                journal.record(change(key.origin, key.id, Slot::HandedOut(task)));
            }
            JournalEntry::Finished(result) => {
                let id = result.task_id.clone();
                journal.record(change(result.origin, id, Slot::Result(result)));
            }
            JournalEntry::Delivered(key) => {
                journal.record(change(key.origin, key.id, Slot::Gone));
            }
            JournalEntry::Ending => journal.record_ending(),
            JournalEntry::Polls(until) => journal.record_polls(until),
        }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        self.is_commit_due = false;
        if self.retry.is_none()
            && let Some(journal) = &mut self.journal
        {
            let written = journal.commit();
            self.judge(written, ctx);
        }
        // Also after a failure: work goes on without the safety net.
        if !self.acks.is_empty() {
            let tasks = std::mem::take(&mut self.acks);
            self.supervisor.do_send(JournalAck { tasks });
        }

        // Nobody waits for the rest.
        if self.retry.is_none()
            && let Some(journal) = &mut self.journal
        {
            let tidied = journal.tidy();
            let is_full = journal.is_full();
            self.set_full(is_full);
            self.arm_upkeep(ctx);
            if tidied.is_err() {
                self.judge(tidied, ctx);
            }
        }
    }

    fn judge(&mut self, written: Result<(), JournalError>, ctx: &mut Context<Self>) {
        let Err(error) = written else {
            if std::mem::take(&mut self.is_failing) {
                info!("the journal works again");
                self.board.set_journal_failure(None);
            }
            return;
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            error!(%error, "until this is mended, a crash loses results");
            self.board.set_journal_failure(Some(error.to_string()));
        }
        self.retry = Some(ctx.run_later(RETRY, |keeper, ctx| {
            keeper.retry = None;
            let restored = keeper.journal.as_mut().map(Journal::restore_if_gone);
            match restored {
                Some(Err(error)) => keeper.judge(Err(error), ctx),
                Some(Ok(())) => keeper.commit(ctx),
                None => {}
            }
        }));
    }

    fn set_full(&mut self, is_full: bool) {
        if is_full == self.is_full {
            return;
        }
        self.is_full = is_full;
        if is_full {
            warn!("the journal is full (AXON_JOURNAL_MAX_BYTES): no tasks are taken");
        } else {
            info!("the journal has room again");
        }
        self.poller.do_send(SetHold {
            why: Hold::JournalFull,
            on: is_full,
        });
    }

    fn arm_upkeep(&mut self, ctx: &mut Context<Self>) {
        if self.upkeep.is_none() {
            self.upkeep = Some(ctx.run_later(self.upkeep_every, |keeper, ctx| {
                keeper.upkeep = None;
                keeper.keep_up(ctx);
            }));
        }
    }

    /// Forces to the disk what was written, and sees whether the files are still there.
    fn keep_up(&mut self, ctx: &mut Context<Self>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if self.retry.is_some() {
            return;
        }
        let is_needed = journal.is_needed();
        let files = if self.syncing.is_under_way {
            Vec::new()
        } else {
            journal.take_unsynced()
        };
        let restored = journal.restore_if_gone();

        if !files.is_empty() {
            self.syncing.is_under_way = true;
            let synced = actix_rt::task::spawn_blocking(move || sync(&files)).into_actor(self);
            ctx.spawn(synced.map(|synced, keeper, ctx| {
                keeper.syncing.is_under_way = false;
                let error = match synced {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error),
                    Err(error) => Some(error.into()),
                };
                let failed = error.is_some();
                if let Some(error) = error.filter(|_| !keeper.syncing.has_failed) {
                    error!(%error, "the journal cannot be forced to the disk, it may not survive the machine");
                }
                keeper.syncing.has_failed = failed;
                keeper.arm_upkeep(ctx);
            }));
        }
        if restored.is_err() {
            self.judge(restored, ctx);
        }
        if is_needed {
            self.arm_upkeep(ctx);
        }
    }
}

impl Actor for JournalKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // An earlier process may have left something.
        self.arm_upkeep(ctx);
    }
}

impl Handler<Record> for JournalKeeper {
    type Result = ();

    fn handle(&mut self, Record(entry): Record, ctx: &mut Self::Context) {
        self.take(entry);
        if !std::mem::replace(&mut self.is_commit_due, true) {
            // Futures have their turn when the mailbox is empty.
            ctx.spawn(actix::fut::ready(()).map(|(), keeper: &mut Self, ctx| keeper.commit(ctx)));
        }
    }
}

impl Handler<CloseJournal> for JournalKeeper {
    type Result = usize;

    fn handle(&mut self, _: CloseJournal, ctx: &mut Self::Context) -> usize {
        self.retry = None;
        self.commit(ctx);
        let Some(mut journal) = self.journal.take() else {
            return 0;
        };
        if let Err(error) = sync(&journal.take_unsynced()) {
            error!(%error, "the journal cannot be forced to the disk, it may not survive the machine");
        }
        journal.kept()
    }
}
