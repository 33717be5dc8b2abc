//! The journal takes note of a task before its handler begins, so that a task
//! that takes the process with it leaves a trace.

use std::time::Duration;

use actix::prelude::*;
use tracing::error;

use super::{TaskKey, TaskSupervisor};
use crate::actors::capacity::Permit;
use crate::actors::journal::Note;
use crate::id::{JobId, TaskName};
use crate::task::{Outcome, TaskError};

/// The journal has noted that a task begins.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Noted {
    pub(crate) key: TaskKey,
    /// It ended the process too often and must not run.
    pub(crate) refused: bool,
}

impl TaskSupervisor {
    /// A journal that is gone is none.
    fn journal(&self) -> Option<&Recipient<Note>> {
        let journal = self.neighbours.journal.as_ref();
        journal.filter(|journal| journal.connected())
    }

    pub(super) fn note_handed_out(&self, key: &TaskKey, job_id: &JobId, name: &TaskName) {
        if let Some(journal) = self.journal() {
            journal.do_send(Note::HandedOut {
                key: key.clone(),
                job_id: job_id.clone(),
                name: name.clone(),
                started: false,
            });
        }
    }

    /// The task has its slots: runs it, once that is noted.
    pub(super) fn note_started(&mut self, key: &TaskKey, permit: Permit) {
        let Some(journal) = self.journal().cloned() else {
            return self.run(key, permit);
        };
        let Some(entry) = self.tasks.get_mut(key) else {
            return;
        };
        entry.permit = Some(permit);
        journal.do_send(Note::HandedOut {
            key: key.clone(),
            job_id: entry.job_id.clone(),
            name: entry.name.clone(),
            started: true,
        });
    }
}

impl Handler<Noted> for TaskSupervisor {
    type Result = ();

    fn handle(&mut self, Noted { key, refused }: Noted, _: &mut Self::Context) {
        // A task that was called off meanwhile is gone, and its permit with it.
        let entry = self.tasks.get_mut(&key);
        let Some(permit) = entry.and_then(|entry| entry.permit.take()) else {
            return;
        };
        if refused {
            error!(task_id = %key.id, "refused: the worker's process ended twice while this ran");
            let error = TaskError::permanent(
                "refused: the worker's process ended twice while this task ran",
            );
            drop(permit);
            self.finish(&key, Outcome::Failed(error), Duration::ZERO);
        } else {
            self.run(&key, permit);
        }
    }
}
