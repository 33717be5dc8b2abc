//! The journal records a task before its handler begins, so that a task that takes the
//! process with it leaves a trace.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{error, info};

use super::journal_watch::{JournalWatch, PATIENCE, Patience};
use super::{TaskKey, TaskSupervisor};
use crate::actors::capacity::Permit;
use crate::actors::journal::{JournalHandle, Received};
use crate::task::{Outcome, TaskError};

/// The journal has recorded that these tasks begin.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct JournalAck {
    /// `true`: the task ended the process too often and must not run.
    pub(crate) tasks: Vec<(TaskKey, bool)>,
}

/// The journal, as the supervisor sees it.
#[derive(Debug, Default)]
pub(super) struct Recording {
    watch: JournalWatch,
    /// The next look at that; never two.
    check: Option<SpawnHandle>,
    /// Whether it was told that the journal is gone.
    is_lost: bool,
}

impl TaskSupervisor {
    /// Returns the journal, unless it is gone.
    fn journal(&mut self) -> Option<JournalHandle> {
        let journal = self.neighbours.journal.as_ref()?;
        if journal.is_open() {
            return Some(journal.clone());
        }
        if !std::mem::replace(&mut self.recording.is_lost, true) {
            let text = "the thread of the journal has ended: a crash loses results";
            error!("{text}");
            self.services
                .board
                .set_journal_failure(Some(text.to_owned()));
        }
        None
    }

    /// Records that a task came which may have to wait for a slot of its type.
    pub(super) fn record_received(&mut self, key: &TaskKey) {
        if let Some(journal) = self.journal()
            && let Some(entry) = self.tasks.get(key)
        {
            journal.received(Received {
                key: key.clone(),
                job_id: entry.job_id.clone(),
                name: entry.name.clone(),
                begins: false,
            });
        }
    }

    /// Runs a task that has its slots, once that is recorded.
    pub(super) fn record_start(
        &mut self,
        key: &TaskKey,
        permit: Permit,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let Some(journal) = self.journal() else {
            return self.run(key, permit, now, ctx);
        };
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        let is_sent = journal.received(Received {
            key: key.clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
            begins: true,
        });
        if is_sent {
            self.recording.watch.sent(now);
        }
        if journal.is_stalled() {
            return self.run(key, permit, now, ctx);
        }

        entry.permit = Some(permit);
        if self.recording.check.is_none() {
            self.check_journal_in(PATIENCE, ctx);
        }
    }

    /// Sees to it that a journal that does not answer is noticed.
    fn check_journal_in(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let check = ctx.run_later(after, |supervisor, ctx| {
            supervisor.recording.check = None;
            let now = Instant::now();
            match supervisor.recording.watch.patience(now) {
                Patience::NotNeeded => {}
                Patience::For(left) => supervisor.check_journal_in(left, ctx),
                Patience::Over => supervisor.go_on_without_journal(now, ctx),
            }
        });
        self.recording.check = Some(check);
    }

    fn go_on_without_journal(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let Some(journal) = &self.neighbours.journal else {
            return;
        };
        if !journal.is_stalled() {
            error!(
                seconds = PATIENCE.as_secs(),
                "the disk of the journal does not answer, tasks begin without it: a crash loses results"
            );
            journal.set_stalled(true);
            self.services.board.set_journal_stalled(true);
        }

        let waiting = self.tasks.iter_mut();
        let waiting: Vec<_> = waiting
            .filter_map(|(key, entry)| Some((key.clone(), entry.permit.take()?)))
            .collect();
        for (key, permit) in waiting {
            self.run(&key, permit, now, ctx);
        }
    }

    fn journal_answered(&mut self, tasks: usize, now: Instant) {
        self.recording.watch.answered(tasks, now);
        if let Some(journal) = &self.neighbours.journal
            && journal.is_stalled()
        {
            info!("the disk of the journal answers again");
            journal.set_stalled(false);
            self.services.board.set_journal_stalled(false);
        }
    }
}

impl Handler<JournalAck> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, JournalAck { tasks }: JournalAck, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.journal_answered(tasks.len(), now);
        for (key, refused) in tasks {
            // A task that was cancelled meanwhile is gone, and its permit with it.
            let entry = self.tasks.get_mut(&key);
            let Some(permit) = entry.and_then(|entry| entry.permit.take()) else {
                continue;
            };
            if refused {
                self.refuse(&key, permit, now);
            } else {
                self.run(&key, permit, now, ctx);
            }
        }
    }
}

impl TaskSupervisor {
    fn refuse(&mut self, key: &TaskKey, permit: Permit, now: Instant) {
        let text = "refused: the worker's process ended twice while this task ran";
        error!(task_id = %key.id, "{text}");
        drop(permit);
        let failure = Outcome::Failed(TaskError::permanent(text));
        self.finish(key, failure, Duration::ZERO, now);
    }
}
