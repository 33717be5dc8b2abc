//! The journal as the worker sees it: what is noted, what is found again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::error;

use super::error::JournalError;
use super::kills::{Count, Kills, Work};
use super::place::{FILE, lock, open_or_set_aside};
use super::record::{self, Record};
use super::store::{Contents, Store, StoreError, Tally};
use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::task::{Outcome, TaskError, TaskResult};

/// While the disk takes nothing, no more than this waits for better times.
const MOST_PENDING: usize = 10_000;
/// A commit looks now and then whether the file has become too large.
const COMPACT_EVERY: u32 = 256;

/// A task that was handed out to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOut {
    pub(crate) job_id: JobId,
    pub(crate) name: TaskName,
    /// Whether its handler may have begun.
    pub(crate) started: bool,
    pub(crate) at: SystemTime,
}

/// What is to be known of a task from now on.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    HandedOut(HandOut),
    Result(Arc<TaskResult>),
    /// Nothing: its result has been answered for good.
    Gone,
}

/// A note. Orchestrators go by name, for their order may be another next time.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) orchestrator: Arc<str>,
    pub(crate) task_id: TaskId,
    pub(crate) slot: Slot,
}

/// A result from an earlier life.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    pub(crate) orchestrator: String,
    /// Its origin has to be found by the orchestrator's name.
    pub(crate) result: TaskResult,
}

/// What an earlier process left.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Results without an answer.
    pub(crate) unsent: Vec<Recovery>,
    /// Failures of the tasks that it had. They stand in the journal already.
    pub(crate) interrupted: Vec<Recovery>,
}

type Key = (Arc<str>, TaskId);

/// The notes of one worker.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    /// `None` after a failure, until the file could be opened again.
    store: Option<Store>,
    max_bytes: u64,
    tally: Tally,
    kills: Kills,
    pending: HashMap<Key, Slot>,
    pending_kills: HashMap<Work, Option<Count>>,
    /// Results for which there was no room.
    unsaved: HashSet<Key>,
    commits: u32,
    _lock: File,
}

impl Journal {
    /// Opens the journal in a folder of its own, and closes the books of the process
    /// before: tasks without a result become failures. A file that makes no sense
    /// is set aside.
    pub(crate) fn open(
        folder: &Path,
        max_bytes: u64,
        now: SystemTime,
    ) -> Result<(Self, Recovered), JournalError> {
        let lock = lock(folder)?;
        let (store, contents) =
            open_or_set_aside(&folder.join(FILE), now).map_err(|error| failed(folder, &error))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            store: Some(store),
            max_bytes,
            tally: Tally::default(),
            kills: Kills::default(),
            pending: HashMap::new(),
            pending_kills: HashMap::new(),
            unsaved: HashSet::new(),
            commits: 0,
            _lock: lock,
        };
        let recovered = journal.recover(contents, now);
        journal.commit()?;
        Ok((journal, recovered))
    }

    fn recover(&mut self, contents: Contents, now: SystemTime) -> Recovered {
        let mut recovered = Recovered::default();
        self.tally = tally_of(&contents);
        for (work, count) in contents.kills {
            self.kills.restore(work, count);
        }
        for (orchestrator, task_id, note) in contents.tasks {
            match record::read(&task_id, &note) {
                Ok(Record::Result(result)) => recovered.unsent.push(Recovery {
                    orchestrator,
                    result,
                }),
                Ok(Record::HandedOut(task)) => {
                    if task.started {
                        let work = (task.job_id.clone(), task.name.clone());
                        let count = self.kills.died(&work, now);
                        self.pending_kills.insert(work, Some(count));
                    }
                    let result = interrupted(task, task_id.as_str().into());
                    let slot = Slot::Result(Arc::new(result.clone()));
                    self.note_under(orchestrator.as_str().into(), &result.task_id, slot);
                    recovered.interrupted.push(Recovery {
                        orchestrator,
                        result,
                    });
                }
                Err(reason) => {
                    error!(%task_id, orchestrator, reason, "a note in the journal cannot be read, it is dropped");
                    let id = task_id.as_str().into();
                    self.note_under(orchestrator.as_str().into(), &id, Slot::Gone);
                }
            }
        }
        let forgotten = self.kills.expire(now);
        self.pending_kills
            .extend(forgotten.into_iter().map(|work| (work, None)));
        recovered
    }

    /// Takes a note for the next commit. A later note of the same task replaces it,
    /// so what begins and ends between two commits costs next to nothing.
    pub(crate) fn note(&mut self, change: Change) {
        if let Slot::Result(result) = &change.slot
            && let Outcome::Completed(_) = result.outcome
        {
            let work = (result.job_id.clone(), result.name.clone());
            if self.kills.went_well(&work) {
                self.pending_kills.insert(work, None);
            }
        }
        self.note_under(change.orchestrator, &change.task_id, change.slot);
    }

    fn note_under(&mut self, orchestrator: Arc<str>, task_id: &TaskId, slot: Slot) {
        self.pending.insert((orchestrator, task_id.clone()), slot);
    }

    /// Whether this work has killed the process so often that it must not run again.
    pub(crate) fn refuses(&self, job_id: &JobId, name: &TaskName, now: SystemTime) -> bool {
        self.kills.refuses(&(job_id.clone(), name.clone()), now)
    }

    /// Writes all notes in one go. After an error they are kept for the next time.
    pub(crate) fn commit(&mut self) -> Result<(), JournalError> {
        if self.pending.is_empty() && self.pending_kills.is_empty() {
            return Ok(());
        }
        let written = self.write();
        if let Err(error) = written {
            self.store = None;
            if self.pending.len() > MOST_PENDING {
                error!(
                    notes = self.pending.len(),
                    "too many notes wait for the disk, they are dropped"
                );
                self.pending.clear();
            }
            return Err(failed(&self.folder, &error));
        }
        self.pending.clear();
        self.pending_kills.clear();
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.store.is_none() {
            let (store, contents) = open_or_set_aside(&self.folder.join(FILE), SystemTime::now())?;
            self.tally = tally_of(&contents);
            self.store = Some(store);
        }
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        let mut notes = Vec::with_capacity(self.pending.len());
        let mut bytes = self.tally.bytes;
        for (key, slot) in &self.pending {
            let note = match slot {
                Slot::HandedOut(task) => Some(record::of_hand_out(task)),
                Slot::Result(result) => Some(record::of_result(result)),
                Slot::Gone => None,
            };
            let note = note
                .transpose()
                .map_err(|error| StoreError::Failed(error.to_string()))?;
            let size = note.as_ref().map_or(0, |note| note.len() as u64);
            // Without room the note that it was handed out stands on.
            if matches!(slot, Slot::Result(_)) && bytes + size > self.max_bytes {
                self.unsaved.insert(key.clone());
                continue;
            }
            bytes += size;
            self.unsaved.remove(key);
            notes.push((key, note));
        }
        let tasks = notes
            .iter()
            .map(|((orchestrator, id), note)| (&**orchestrator, id.as_str(), note.as_deref()));
        let kills = self
            .pending_kills
            .iter()
            .map(|(work, count)| (work, *count));
        self.tally = store.write(tasks, kills, self.tally)?;
        self.commits = self.commits.wrapping_add(1);
        if self.commits % COMPACT_EVERY == 1 {
            store.compact(self.tally.bytes)?;
        }
        Ok(())
    }

    /// Whether there is no room for more. Tasks that were taken all the same are
    /// noted, but perhaps not their results.
    pub(crate) fn is_full(&self) -> bool {
        self.tally.bytes >= self.max_bytes || !self.unsaved.is_empty()
    }

    /// How many results the next process will find.
    pub(crate) fn kept(&self) -> usize {
        self.tally.results
    }

    /// How much it holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.tally.bytes
    }
}

/// What the journal's process before us makes of a task it could not end.
fn interrupted(task: HandOut, task_id: TaskId) -> TaskResult {
    let failure = TaskError::transient(if task.started {
        "the worker was restarted while the task ran"
    } else {
        "the worker was restarted before the task began"
    });
    TaskResult {
        origin: OrchestratorId(usize::MAX),
        task_id,
        job_id: task.job_id,
        name: task.name,
        outcome: Outcome::Failed(failure),
        ran_for: Duration::ZERO,
        task_metadata: None,
    }
}

fn tally_of(contents: &Contents) -> Tally {
    let mut tally = Tally::default();
    for (_, _, note) in &contents.tasks {
        tally.add(note);
    }
    tally
}

fn failed(folder: &Path, error: &StoreError) -> JournalError {
    JournalError::Store {
        path: folder.to_owned(),
        reason: error.to_string(),
    }
}
