//! The journal takes note of a task before its handler begins, so that a task
//! that takes the process with it leaves a trace.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::error;

use super::entry::Phase;
use super::{TaskKey, TaskSupervisor};
use crate::actors::capacity::Permit;
use crate::actors::journal::{Note, Notebook};
use crate::task::{Outcome, TaskError, TaskResult};

/// Within this time a task that need not wait has begun.
const A_MOMENT: Duration = Duration::from_millis(2);

/// The journal has noted that these tasks begin.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Noted {
    /// `true`: the task ended the process too often and must not run.
    pub(crate) tasks: Vec<(TaskKey, bool)>,
    /// What the journal needs no more. It is freed where it was made.
    pub(crate) used: Vec<Arc<TaskResult>>,
}

impl TaskSupervisor {
    /// A journal that is gone is none.
    fn journal(&self) -> Option<&Notebook> {
        let journal = self.neighbours.journal.as_ref();
        journal.filter(|journal| journal.is_read())
    }

    /// Most tasks begin at once and are noted then. The others are noted as well,
    /// a moment later.
    pub(super) fn note_if_it_waits(&mut self, key: &TaskKey, ctx: &mut Context<Self>) {
        if self.journal().is_none() {
            return;
        }
        if self.fresh.is_empty() {
            ctx.run_later(A_MOMENT, |supervisor, _| supervisor.note_waiting());
        }
        self.fresh.push(key.clone());
    }

    fn note_waiting(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        let Some(journal) = self.journal() else {
            return;
        };
        for key in fresh {
            if let Some(entry) = self.tasks.get(&key)
                && matches!(entry.phase, Phase::Waiting(_))
                && entry.permit.is_none()
            {
                journal.add(Note::HandedOut {
                    job_id: entry.job_id.clone(),
                    name: entry.name.clone(),
                    key,
                    started: false,
                });
            }
        }
    }

    /// The task has its slots: runs it, once that is noted.
    pub(super) fn note_started(
        &mut self,
        key: &TaskKey,
        permit: Permit,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let Some(journal) = self.journal().cloned() else {
            return self.run(key, permit, now, ctx);
        };
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        entry.permit = Some(permit);
        journal.add(Note::HandedOut {
            key: key.clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
            started: true,
        });
    }
}

impl Handler<Noted> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, Noted { tasks, used }: Noted, ctx: &mut Self::Context) {
        drop(used);
        let now = Instant::now();
        for (key, refused) in tasks {
            // A task that was called off meanwhile is gone, and its permit with it.
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
