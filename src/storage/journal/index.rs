//! The journal as the worker sees it: what is recorded, and what an earlier process left.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::{error, warn};

use super::deaths::{Count, Deaths, Work};
use super::error::JournalError;
use super::folder::{self, Found};
use super::format::{self, Condition};
use super::log::{Location, Log, sync};
use super::record::{self, EncodeError, Live, Record};
use crate::config::JournalSync;
use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::task::{Interruption, Outcome, TaskResult};

/// While the disk takes nothing, no more than this waits for better times.
const MOST_PENDING: usize = 10_000;
/// Files may be so much longer than what they hold before the oldest is rewritten.
const SLACK: u64 = 2 * 1024 * 1024;
/// So much is written at once when records are moved, and kept as a buffer.
const CHUNK: usize = 256 * 1024;

/// A task that was handed out to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandedOut {
    pub(crate) job_id: JobId,
    pub(crate) name: TaskName,
    /// Whether its handler may have begun.
    pub(crate) begins: bool,
}

/// What is to be known of a task from now on.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    HandedOut(HandedOut),
    Result(Arc<TaskResult>),
    /// Nothing: its result has been answered for good.
    Gone,
}

/// A change to what is known of a task. Orchestrators go by name, for their order may be
/// another next time.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) orchestrator: Arc<str>,
    pub(crate) task_id: TaskId,
    pub(crate) slot: Slot,
}

/// A result of an earlier process.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    pub(crate) orchestrator: String,
    /// Its origin has to be found by the orchestrator's name.
    pub(crate) result: TaskResult,
}

/// What an earlier process left.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Results without an answer, in the order in which they were recorded.
    pub(crate) unsent: Vec<Recovery>,
    /// Failures of the tasks that it had. They stand in the journal already.
    pub(crate) interrupted: Vec<Recovery>,
    /// Until when orchestrators may hold its polls.
    pub(crate) polls_until: Option<SystemTime>,
}

type Key = (Arc<str>, TaskId);

/// The last record of a task.
#[derive(Debug, Clone, Copy)]
struct Entry {
    location: Location,
    is_result: bool,
}

/// What is known of the tasks of one worker, in files.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    log: Log,
    sync: JournalSync,
    max_bytes: u64,
    /// Where everything is that counts; the rest of the files is history.
    index: HashMap<Key, Entry>,
    /// The length of all frames in the index.
    live_bytes: u64,
    /// How many of them are results.
    results: usize,
    deaths: Deaths,
    /// Whether the process was told to end.
    is_ending: bool,
    pending: HashMap<Key, Slot>,
    pending_deaths: HashMap<Work, Option<Count>>,
    /// Whether `is_ending` is to be written.
    is_ending_pending: bool,
    /// Until when orchestrators may hold polls.
    polls_until: Option<SystemTime>,
    /// Whether `polls_until` is to be written.
    is_polls_pending: bool,
    /// Results for which there was no room.
    unsaved: HashSet<Key>,
    buffer: Vec<u8>,
    lock: File,
}

impl Journal {
    /// Opens the journal in a folder of its own. Tasks that an earlier process had and did
    /// not end become failures. Damaged files are set aside, and what can be read of them
    /// is kept.
    ///
    /// # Errors
    /// When the folder cannot be used, belongs to another worker, or has files of another
    /// version, which are left as they are.
    pub(crate) fn open(
        folder: &Path,
        max_bytes: u64,
        sync: JournalSync,
        now: SystemTime,
    ) -> Result<(Self, Recovered), JournalError> {
        let lock = folder::lock(folder)?;
        let unusable = |error| failed(folder, error);
        let segments = folder::segments(folder).map_err(unusable)?;
        folder::check_versions(folder, &segments)?;
        folder::warn_if_in_memory(folder);

        let mut journal = Self {
            folder: folder.to_owned(),
            log: Log::new(folder, sync != JournalSync::Off),
            sync,
            max_bytes,
            index: HashMap::new(),
            live_bytes: 0,
            results: 0,
            deaths: Deaths::default(),
            is_ending: false,
            pending: HashMap::new(),
            pending_deaths: HashMap::new(),
            is_ending_pending: false,
            polls_until: None,
            is_polls_pending: false,
            unsaved: HashSet::new(),
            buffer: Vec::new(),
            lock,
        };
        let mut damaged = Vec::new();
        for (number, path) in segments {
            let found = folder::read_segment(number, path).map_err(unusable)?;
            if found.scan.condition == Condition::Damaged {
                damaged.push(found.path.clone());
            }
            journal.replay(found);
        }

        let recovered = journal.recover(now).map_err(unusable)?;
        journal.commit()?;
        if damaged.is_empty() {
            journal.tidy()?;
        } else {
            journal.move_all(|journal| {
                let aside = damaged
                    .iter()
                    .try_for_each(|path| folder::set_aside(path, now));
                aside.map_err(|error| failed(&journal.folder, error))
            })?;
        }
        Ok((journal, recovered))
    }

    /// Takes the records of a segment into the index, in their order.
    fn replay(&mut self, found: Found) {
        for frame in &found.scan.frames {
            let content = format::content_of(&found.bytes[frame.clone()]);
            let Some(record) = content.and_then(record::read) else {
                error!(file = %found.path.display(), "a record in the journal cannot be read, it is dropped");
                continue;
            };

            let location = Location {
                segment: found.number,
                offset: frame.start as u64,
                len: frame.len() as u64,
            };
            let entry = |is_result| Entry {
                location,
                is_result,
            };
            match record {
                Record::HandedOut { orchestrator, task } => {
                    self.put((orchestrator.into(), task.into()), entry(false));
                }
                Record::Result { orchestrator, task } => {
                    self.put((orchestrator.into(), task.into()), entry(true));
                }
                Record::Gone { orchestrator, task } => {
                    self.remove(&(orchestrator.into(), task.into()));
                }
                Record::Deaths(work, count) => self.deaths.restore(work, count),
                Record::Forgiven(work) => drop(self.deaths.went_well(&work)),
                Record::Ending => self.is_ending = true,
                Record::Started => self.is_ending = false,
                Record::Polls(until) => self.polls_until = Some(until),
            }
        }
        let len = found.bytes.len() as u64;
        self.log.adopt(found.number, found.path, found.file, len);
    }

    /// Reads everything in the index, and closes the books of the process before.
    fn recover(&mut self, now: SystemTime) -> io::Result<Recovered> {
        let mut live: Vec<(Key, Entry)> = self.index.iter().map(|(k, e)| (k.clone(), *e)).collect();
        live.sort_unstable_by_key(|(_, entry)| (entry.location.segment, entry.location.offset));

        let mut recovered = Recovered {
            polls_until: self.polls_until.filter(|until| *until > now),
            ..Recovered::default()
        };
        let mut segment = (0, Vec::new());
        for ((orchestrator, task_id), entry) in live {
            let at = entry.location;
            if segment.0 != at.segment {
                segment = (at.segment, self.log.read_segment(at.segment)?);
            }
            let begin = usize::try_from(at.offset).unwrap_or(usize::MAX);
            let frame = begin..begin + usize::try_from(at.len).unwrap_or(0);
            let content = format::content_of(segment.1.get(frame).unwrap_or_default());
            let read = content.map_or(Err("it has changed".to_owned()), record::read_live);

            match read {
                Ok(Live::Result(result)) => recovered.unsent.push(Recovery {
                    orchestrator: orchestrator.to_string(),
                    result,
                }),
                Ok(Live::HandedOut(task)) => {
                    if task.begins && !self.is_ending {
                        let work = (task.job_id.clone(), task.name.clone());
                        let count = self.deaths.died(&work, now);
                        self.pending_deaths.insert(work, Some(count));
                    }
                    let result = interrupted(task, task_id.clone());
                    recovered.interrupted.push(Recovery {
                        orchestrator: orchestrator.to_string(),
                        result: result.clone(),
                    });
                    let slot = Slot::Result(Arc::new(result));
                    self.pending.insert((orchestrator, task_id), slot);
                }
                Err(reason) => {
                    error!(%task_id, %orchestrator, reason, "a record in the journal cannot be read, it is dropped");
                    self.pending.insert((orchestrator, task_id), Slot::Gone);
                }
            }
        }

        let expired = self.deaths.expire(now);
        self.pending_deaths
            .extend(expired.into_iter().map(|work| (work, None)));
        if self.is_ending {
            self.is_ending = false;
            self.is_ending_pending = true;
        }
        Ok(recovered)
    }

    /// Takes a change for the next commit. A later change to the same task replaces it.
    pub(crate) fn record(&mut self, change: Change) {
        if let Slot::Result(result) = &change.slot
            && let Outcome::Completed(_) = result.outcome
            && !self.deaths.is_empty()
        {
            let work = (result.job_id.clone(), result.name.clone());
            if self.deaths.went_well(&work) {
                self.pending_deaths.insert(work, None);
            }
        }
        let key = (change.orchestrator, change.task_id);
        self.pending.insert(key, change.slot);
    }

    /// Records that the process was told to end, with the next commit. Tasks that run when
    /// it dies after that are not suspected of it.
    pub(crate) fn record_ending(&mut self) {
        self.is_ending = true;
        self.is_ending_pending = true;
    }

    /// Records until when orchestrators may hold polls, with the next commit. The next process
    /// must not be on offer before that: they would get its tasks.
    pub(crate) fn record_polls(&mut self, until: SystemTime) {
        self.polls_until = Some(until);
        self.is_polls_pending = true;
    }

    /// Whether this work has ended the process so often that it must not run again.
    pub(crate) fn refuses(&self, job_id: &JobId, name: &TaskName, now: SystemTime) -> bool {
        !self.deaths.is_empty() && self.deaths.refuses(&(job_id.clone(), name.clone()), now)
    }

    /// Writes all changes at once. After an error they are kept for the next time.
    pub(crate) fn commit(&mut self) -> Result<(), JournalError> {
        let has_facts = self.is_ending_pending || self.is_polls_pending;
        if self.pending.is_empty() && self.pending_deaths.is_empty() && !has_facts {
            return Ok(());
        }

        let batch: Vec<(Key, Slot)> = self.pending.drain().collect();
        if let Err(error) = self.write(&batch) {
            self.pending.extend(batch);
            self.remove_dead();
            if self.pending.len() > MOST_PENDING {
                error!(
                    records = self.pending.len(),
                    "too many records wait for the disk, they are dropped"
                );
                self.pending = HashMap::new();
            }
            return Err(failed(&self.folder, error));
        }

        self.pending_deaths.clear();
        self.is_ending_pending = false;
        self.is_polls_pending = false;
        if self.sync == JournalSync::Always {
            self.force().map_err(|error| failed(&self.folder, error))?;
        }
        Ok(())
    }

    fn write(&mut self, batch: &[(Key, Slot)]) -> io::Result<()> {
        if self.log.needs_segment() {
            self.begin_segment()?;
        }

        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.encode(batch, &mut buffer).and_then(|entries| {
            let base = self.log.append(&buffer)?;
            Ok((entries, base))
        });
        buffer.clear();
        buffer.shrink_to(CHUNK);
        self.buffer = buffer;

        let (entries, base) = written?;
        for ((key, slot), change) in batch.iter().zip(entries) {
            match (change, slot) {
                (Written::At { offset, len }, slot) => {
                    let location = Location {
                        segment: base.segment,
                        offset: base.offset + offset,
                        len,
                    };
                    let is_result = matches!(slot, Slot::Result(_));
                    self.unsaved.remove(key);
                    if matches!(slot, Slot::Gone) {
                        self.remove(key);
                    } else {
                        let entry = Entry {
                            location,
                            is_result,
                        };
                        self.put(key.clone(), entry);
                    }
                }
                (Written::NoRoom, _) => drop(self.unsaved.insert(key.clone())),
                (Written::Unfit, _) => {}
            }
        }
        Ok(())
    }

    /// Puts the frames of all changes into the buffer.
    fn encode(&self, batch: &[(Key, Slot)], buffer: &mut Vec<u8>) -> io::Result<Vec<Written>> {
        let mut entries = Vec::with_capacity(batch.len());
        for ((orchestrator, task_id), slot) in batch {
            let start = buffer.len();
            let pushed = format::push_frame(buffer, |out| match slot {
                Slot::HandedOut(task) => record::put_handed_out(out, orchestrator, task_id, task),
                Slot::Result(result) => record::put_result(out, orchestrator, result),
                Slot::Gone => record::put_gone(out, orchestrator, task_id),
            });
            if let Err(error) = pushed {
                error!(%task_id, %error, "a record cannot be written, it is dropped");
                entries.push(Written::Unfit);
                continue;
            }

            // Without room it stays known that the task was handed out.
            let is_result = matches!(slot, Slot::Result(_));
            let with_this = self.live_bytes + buffer.len() as u64;
            if is_result && with_this > self.max_bytes {
                buffer.truncate(start);
                entries.push(Written::NoRoom);
            } else {
                entries.push(Written::At {
                    offset: start as u64,
                    len: (buffer.len() - start) as u64,
                });
            }
        }

        // Last: a write that breaks off must not count a death without closing its books.
        for (work, count) in &self.pending_deaths {
            format::push_frame(buffer, |out| record::put_deaths(out, work, *count))
                .map_err(io::Error::other)?;
        }
        if self.is_ending_pending {
            let kind = if self.is_ending {
                format::kind::ENDING
            } else {
                format::kind::STARTED
            };
            push_word(buffer, kind)?;
        }
        if self.is_polls_pending {
            push_polls(buffer, self.polls_until)?;
        }
        Ok(entries)
    }

    /// Begins a segment with all that is not in the index, so that every older one can be
    /// removed once nothing in it is live. What is pending follows with its commit.
    fn begin_segment(&mut self) -> io::Result<()> {
        let mut frames = Vec::new();
        let settled = |(work, _): &(&Work, Count)| !self.pending_deaths.contains_key(*work);
        for (work, count) in self.deaths.all().filter(settled) {
            format::push_frame(&mut frames, |out| {
                record::put_deaths(out, work, Some(count))
            })
            .map_err(io::Error::other)?;
        }
        if self.is_ending && !self.is_ending_pending {
            push_word(&mut frames, format::kind::ENDING)?;
        }
        if !self.is_polls_pending {
            push_polls(&mut frames, self.polls_until)?;
        }
        self.log.begin_segment(&frames)
    }

    /// Rewrites the oldest files while most of what the files hold is history.
    pub(crate) fn tidy(&mut self) -> Result<(), JournalError> {
        while self.log.bytes() > SLACK + 2 * self.live_bytes
            && let Some(oldest) = self.log.oldest()
        {
            self.move_out_of(oldest)
                .map_err(|error| failed(&self.folder, error))?;
            self.log.remove_oldest();
        }
        Ok(())
    }

    /// Writes everything anew if the files are not where they were any more.
    pub(crate) fn restore_if_gone(&mut self) -> Result<(), JournalError> {
        if self.log.is_in_place() && folder::is_locked_by(&self.folder, &self.lock) {
            return Ok(());
        }

        // The old lock goes first: it may be that of the same file.
        self.lock
            .unlock()
            .map_err(|error| failed(&self.folder, error))?;
        self.lock = folder::lock(&self.folder)?;
        self.move_all(|_| Ok(()))?;
        warn!(
            folder = %self.folder.display(),
            "somebody removed or changed the files of the journal, they were written anew"
        );
        Ok(())
    }

    /// Moves everything into new segments. `between`: after that, and before the old ones
    /// are removed.
    fn move_all(
        &mut self,
        between: impl FnOnce(&Self) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        self.log.leave_segments();
        let old = self.log.numbers();
        let moved = old.iter().try_for_each(|number| self.move_out_of(*number));
        moved.map_err(|error| failed(&self.folder, error))?;

        between(self)?;
        for _ in old {
            self.log.remove_oldest();
        }
        Ok(())
    }

    /// Writes the live records of a segment once more, at the end.
    fn move_out_of(&mut self, segment: u64) -> io::Result<()> {
        let is_here = |entry: &Entry| entry.location.segment == segment;
        let live = self.index.iter().filter(|(_, entry)| is_here(entry));
        let mut live: Vec<(Key, Entry)> = live.map(|(key, entry)| (key.clone(), *entry)).collect();
        live.sort_unstable_by_key(|(_, entry)| entry.location.offset);

        let mut rest = live.as_slice();
        while !rest.is_empty() {
            let mut length = 0;
            let fits = |(_, entry): &&(Key, Entry)| {
                let is_first = length == 0;
                length += entry.location.len;
                is_first || length <= CHUNK as u64
            };
            let (chunk, later) = rest.split_at(rest.iter().take_while(fits).count());
            rest = later;
            self.move_records(chunk)?;
        }

        if self.log.needs_segment() {
            self.begin_segment()?;
        }
        if self.sync == JournalSync::Off {
            Ok(())
        } else {
            self.force()
        }
    }

    fn move_records(&mut self, chunk: &[(Key, Entry)]) -> io::Result<()> {
        let mut frames = Vec::new();
        let mut moved = Vec::new();
        for (key, entry) in chunk {
            let start = frames.len();
            let read = self.log.read(entry.location, &mut frames);
            if read.is_err() || format::content_of(&frames[start..]).is_none() {
                error!(task_id = %key.1, "a record in the journal was damaged, it is lost");
                frames.truncate(start);
                self.remove(key);
                continue;
            }
            moved.push((key, entry.is_result, start as u64, entry.location.len));
        }

        if self.log.needs_segment() {
            self.begin_segment()?;
        }
        let base = self.log.append(&frames)?;
        for (key, is_result, offset, len) in moved {
            let location = Location {
                segment: base.segment,
                offset: base.offset + offset,
                len,
            };
            let entry = Entry {
                location,
                is_result,
            };
            self.put(key.clone(), entry);
        }
        Ok(())
    }

    /// Removes the oldest files as long as nothing in them is live, for a disk that is full.
    fn remove_dead(&mut self) {
        while let Some(oldest) = self.log.oldest()
            && self.log.has_younger()
            && !self.index.values().any(|it| it.location.segment == oldest)
        {
            self.log.remove_oldest();
        }
    }

    fn put(&mut self, key: Key, entry: Entry) {
        self.live_bytes += entry.location.len;
        self.results += usize::from(entry.is_result);
        if let Some(before) = self.index.insert(key, entry) {
            self.forget(before);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(before) = self.index.remove(key) {
            self.forget(before);
        }
    }

    fn forget(&mut self, entry: Entry) {
        self.live_bytes -= entry.location.len;
        self.results -= usize::from(entry.is_result);
    }

    fn force(&mut self) -> io::Result<()> {
        sync(&self.log.take_unsynced())
    }

    /// Returns the files that are to be forced to the disk, to be done elsewhere.
    pub(crate) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        self.log.take_unsynced()
    }

    /// Whether there is no room for more. Tasks that were taken all the same are
    /// recorded, but perhaps not their results.
    pub(crate) fn is_full(&self) -> bool {
        self.live_bytes >= self.max_bytes || !self.unsaved.is_empty()
    }

    /// Returns how many results the next process will find.
    pub(crate) fn kept(&self) -> usize {
        self.results
    }

    /// Whether anything is known that the next process would need.
    pub(crate) fn is_needed(&self) -> bool {
        !self.index.is_empty()
    }

    /// Returns the length of all records that count.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.live_bytes
    }
}

/// What became of a change.
enum Written {
    At { offset: u64, len: u64 },
    NoRoom,
    Unfit,
}

fn push_word(buffer: &mut Vec<u8>, kind: u8) -> io::Result<()> {
    let written: Result<(), EncodeError> = format::push_frame(buffer, |out| {
        out.push(kind);
        Ok(())
    });
    written.map_err(io::Error::other)
}

fn push_polls(buffer: &mut Vec<u8>, until: Option<SystemTime>) -> io::Result<()> {
    let Some(until) = until else {
        return Ok(());
    };
    let written: Result<(), EncodeError> = format::push_frame(buffer, |out| {
        record::put_polls(out, until);
        Ok(())
    });
    written.map_err(io::Error::other)
}

/// Returns what becomes of a task that an earlier process could not end.
fn interrupted(task: HandedOut, task_id: TaskId) -> TaskResult {
    let why = Interruption::Restarted { began: task.begins };
    TaskResult {
        origin: OrchestratorId(usize::MAX),
        task_id,
        job_id: task.job_id,
        name: task.name,
        outcome: Outcome::Interrupted(why),
        ran_for: Duration::ZERO,
        task_metadata: None,
    }
}

fn failed(folder: &Path, error: io::Error) -> JournalError {
    JournalError::Failed {
        path: folder.to_owned(),
        error,
    }
}
