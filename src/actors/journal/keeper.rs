//! Keeps the journal, on a thread of its own: files may be slow. All notes that
//! have come meanwhile are written in one commit.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix::prelude::*;
use tracing::{error, info, warn};

use super::notebook::{NoteList, NotesCame, take};
use super::{CloseJournal, Note};
use crate::actors::poller::{Hold, SetHold};
use crate::actors::supervisor::{Noted, TaskKey};
use crate::id::OrchestratorId;
use crate::storage::JournalError;
use crate::storage::journal::{Change, HandOut, Journal, Slot};
use crate::task::TaskResult;

/// After a failure the disk is tried again this much later.
const RETRY: Duration = Duration::from_secs(1);

/// Commits follow one another no faster than this. Under load more notes share
/// one, and most results are answered before they would be written.
const PACE: Duration = Duration::from_micros(400);

/// Writes notes.
pub(crate) struct JournalKeeper {
    /// `None` once it is closed.
    journal: Option<Journal>,
    notes: NoteList,
    /// Empty, with room for notes.
    spare: Vec<Note>,
    names: Vec<Arc<str>>,
    supervisor: Recipient<Noted>,
    poller: Recipient<SetHold>,
    /// Told when the next commit is done.
    waiting: Vec<(TaskKey, bool)>,
    /// Goes back to the thread that made them, to be freed there.
    used: Vec<Arc<TaskResult>>,
    /// Where the keeper has its thread to itself, it may sleep there. Timers are
    /// too coarse for this.
    pace: Duration,
    last: Instant,
    /// A commit follows when the mailbox is empty.
    due: bool,
    failing: bool,
    /// After a failure: nothing is tried before this has run.
    retry: Option<SpawnHandle>,
    full: bool,
}

impl JournalKeeper {
    /// `names` are those of the orchestrators, in their order. `alone`: the
    /// keeper has a thread of its own.
    pub(crate) fn new(
        journal: Journal,
        notes: NoteList,
        names: Vec<Arc<str>>,
        supervisor: Recipient<Noted>,
        poller: Recipient<SetHold>,
        alone: bool,
    ) -> Self {
        Self {
            pace: if alone { PACE } else { Duration::ZERO },
            last: Instant::now(),
            journal: Some(journal),
            notes,
            spare: Vec::new(),
            names,
            supervisor,
            poller,
            waiting: Vec::new(),
            used: Vec::new(),
            due: false,
            failing: false,
            retry: None,
            full: false,
        }
    }

    fn take(&mut self, note: Note) {
        let Some(journal) = &mut self.journal else {
            // The worker is ending; a task that still begins must not wait.
            if let Note::HandedOut {
                key, started: true, ..
            } = note
            {
                self.waiting.push((key, false));
            }
            return;
        };
        let names = &self.names;
        let change = |origin: OrchestratorId, task_id, slot| Change {
            orchestrator: names.get(origin.0).cloned().unwrap_or_default(),
            task_id,
            slot,
        };
        match note {
            Note::HandedOut {
                key,
                job_id,
                name,
                started,
            } => {
                let at = SystemTime::now();
                if started {
                    let refused = journal.refuses(&job_id, &name, at);
                    self.waiting.push((key.clone(), refused));
                }
                let task = HandOut {
                    job_id,
                    name,
                    started,
                    at,
                };
                journal.note(change(key.origin, key.id, Slot::HandedOut(task)));
            }
            Note::Result(result) => {
                let id = result.task_id.clone();
                journal.note(change(result.origin, id, Slot::Result(result)));
            }
            Note::Answered(result) => {
                let (origin, id) = (result.origin, result.task_id.clone());
                self.used.push(result.clone());
                journal.note(change(origin, id.clone(), Slot::Result(result)));
                journal.note(change(origin, id, Slot::Gone));
            }
        }
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.due, true) {
            return;
        }
        let early = self.pace.saturating_sub(self.last.elapsed());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        // Futures have their turn when the mailbox is empty.
        ctx.spawn(actix::fut::ready(()).map(|(), keeper: &mut Self, ctx| keeper.commit(ctx)));
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        self.due = false;
        if self.retry.is_none()
            && let Some(journal) = &mut self.journal
        {
            let written = journal.commit();
            let full = journal.is_full();
            self.tell(written, ctx);
            self.set_full(full);
        }
        self.last = Instant::now();
        // Also after a failure: work goes on without the safety net.
        if !self.waiting.is_empty() {
            self.supervisor.do_send(Noted {
                tasks: std::mem::take(&mut self.waiting),
                used: std::mem::take(&mut self.used),
            });
        }
        // Nobody waits, so there is no hurry.
        self.used.clear();
    }
}

impl JournalKeeper {
    fn tell(&mut self, written: Result<(), JournalError>, ctx: &mut Context<Self>) {
        let Err(error) = written else {
            if std::mem::take(&mut self.failing) {
                info!("the journal works again");
            }
            return;
        };
        if !std::mem::replace(&mut self.failing, true) {
            error!(%error, "until this is mended, a crash loses results");
        }
        self.retry = Some(ctx.run_later(RETRY, |keeper, ctx| {
            keeper.retry = None;
            keeper.commit(ctx);
        }));
    }

    fn set_full(&mut self, full: bool) {
        if full == self.full {
            return;
        }
        self.full = full;
        if full {
            warn!("the journal is full (AXON_JOURNAL_MAX_BYTES): no tasks are taken");
        } else {
            info!("the journal has room again");
        }
        self.poller.do_send(SetHold {
            why: Hold::JournalFull,
            on: full,
        });
    }
}

impl Actor for JournalKeeper {
    type Context = Context<Self>;
}

impl Handler<NotesCame> for JournalKeeper {
    type Result = ();

    fn handle(&mut self, _: NotesCame, ctx: &mut Self::Context) {
        self.take_notes();
        self.arm(ctx);
    }
}

impl JournalKeeper {
    fn take_notes(&mut self) {
        let mut notes = std::mem::take(&mut self.spare);
        take(&self.notes, &mut notes);
        for note in notes.drain(..) {
            self.take(note);
        }
        self.spare = notes;
    }
}

impl Handler<CloseJournal> for JournalKeeper {
    type Result = usize;

    fn handle(&mut self, _: CloseJournal, ctx: &mut Self::Context) -> usize {
        self.take_notes();
        self.retry = None;
        self.commit(ctx);
        self.journal.take().map_or(0, |journal| journal.kept())
    }
}
