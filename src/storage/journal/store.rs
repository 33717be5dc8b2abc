//! The file: two tables in an embedded store.
//!
//! The store forces every commit to the disk, which takes milliseconds and is
//! more than we promise. So its way to the file is wrapped, and syncing does
//! nothing: what was written survives the process, in the system's page cache.

use std::fs::OpenOptions;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, StorageError,
    TableDefinition,
};

use super::kills::{Count, Work};
use super::record;

/// Notes of tasks, by orchestrator and task id.
const TASKS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("tasks");
/// Deaths and the time of the last one, by job and task name.
const KILLS: TableDefinition<(&str, &str), (u32, u64)> = TableDefinition::new("kills");

/// Memory for pages of the file.
const CACHE: usize = 1024 * 1024;
/// A file smaller than this is never worth compacting.
const SMALL_FILE: u64 = 16 * 1024 * 1024;

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// What it holds makes no sense.
    #[error("{0}")]
    Corrupt(String),
    /// The system would not let us.
    #[error("{0}")]
    Failed(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            // Errors without a code were made up by the store: a file that ends too soon.
            redb::Error::Io(error) if error.raw_os_error().is_some() => {
                Self::Failed(error.to_string())
            }
            error @ (redb::Error::DatabaseAlreadyOpen | redb::Error::PreviousIo) => {
                Self::Failed(error.to_string())
            }
            error => Self::Corrupt(error.to_string()),
        }
    }
}

/// What a write changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Bytes of all notes.
    pub(super) bytes: u64,
    /// Notes of results.
    pub(super) results: usize,
}

impl Tally {
    pub(super) fn add(&mut self, note: &[u8]) {
        self.bytes += note.len() as u64;
        self.results += usize::from(record::is_result(note));
    }

    fn remove(&mut self, note: &[u8]) {
        self.bytes = self.bytes.saturating_sub(note.len() as u64);
        self.results = self
            .results
            .saturating_sub(usize::from(record::is_result(note)));
    }
}

/// Writes to the file but never waits for the disk.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    path: PathBuf,
}

/// Everything in the file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Orchestrator, task id, note.
    pub(super) tasks: Vec<(String, String, Vec<u8>)>,
    pub(super) kills: Vec<(Work, Count)>,
}

/// The store checks sums but trusts much of the rest, and panics where it finds
/// nonsense.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("the store panicked".to_owned())))
}

impl Store {
    /// Opens the file, made if it does not exist, and checks all of it.
    pub(super) fn open(path: &Path) -> Result<(Self, Contents), StoreError> {
        guarded(|| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(StorageError::from)?;
            let backend = Unsynced(FileBackend::new(file)?);
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE);
            let mut database = builder.create_with_backend(backend)?;
            if !database.check_integrity()? {
                tracing::debug!("the journal was not closed cleanly and has been repaired");
            }
            let write = database.begin_write()?;
            write.open_table(TASKS)?;
            write.open_table(KILLS)?;
            write.commit()?;
            let store = Self {
                database,
                path: path.to_owned(),
            };
            let contents = store.read()?;
            Ok((store, contents))
        })
    }

    fn read(&self) -> Result<Contents, StoreError> {
        let mut contents = Contents::default();
        let read = self.database.begin_read()?;
        for entry in read.open_table(TASKS)?.iter()? {
            let (key, note) = entry?;
            let (orchestrator, task) = key.value();
            contents.tasks.push((
                orchestrator.to_owned(),
                task.to_owned(),
                note.value().to_vec(),
            ));
        }
        for entry in read.open_table(KILLS)?.iter()? {
            let (key, count) = entry?;
            let ((job, name), (deaths, last)) = (key.value(), count.value());
            contents
                .kills
                .push(((job.into(), name.into()), Count { deaths, last }));
        }
        Ok(contents)
    }

    /// Makes all these changes or none. `None` removes.
    pub(super) fn write<'a>(
        &self,
        tasks: impl IntoIterator<Item = (&'a str, &'a str, Option<&'a [u8]>)>,
        kills: impl IntoIterator<Item = (&'a Work, Option<Count>)>,
        mut tally: Tally,
    ) -> Result<Tally, StoreError> {
        guarded(|| {
            let write = self.database.begin_write()?;
            {
                let mut table = write.open_table(TASKS)?;
                for (orchestrator, task, note) in tasks {
                    let key = (orchestrator, task);
                    let before = match note {
                        Some(note) => {
                            tally.add(note);
                            table.insert(key, note)?
                        }
                        None => table.remove(key)?,
                    };
                    if let Some(before) = before {
                        tally.remove(before.value());
                    }
                }
            }
            let mut kills = kills.into_iter().peekable();
            if kills.peek().is_some() {
                let mut table = write.open_table(KILLS)?;
                for ((job, name), count) in kills {
                    let key = (job.as_str(), name.as_str());
                    match count {
                        Some(count) => drop(table.insert(key, (count.deaths, count.last))?),
                        None => drop(table.remove(key)?),
                    }
                }
            }
            write.commit()?;
            Ok(tally)
        })
    }

    /// Gives the room of removed notes back to the system when there is much of it.
    pub(super) fn compact(&mut self, live: u64) -> Result<(), StoreError> {
        let size = self.path.metadata().map_or(0, |data| data.len());
        if size <= SMALL_FILE || size / 4 <= live {
            return Ok(());
        }
        guarded(|| {
            self.database
                .compact()
                .map_err(|error| StoreError::Failed(error.to_string()))?;
            Ok(())
        })
    }
}
