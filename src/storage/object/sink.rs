//! An object on its way into a local file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::meter::Meter;
use super::{Expected, ObjectInfo, ObjectUri, StorageError};

/// Written at once, on another thread. Less than this at the end is written right here.
const BATCH: usize = 1024 * 1024;
/// Small enough to be written without another thread.
const SMALL: usize = 64 * 1024;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Takes in the bytes of one object, over several attempts if need be, and checks that
/// it is the announced one and complete. The file has an odd name until then.
#[derive(Debug)]
pub struct Sink {
    uri: Arc<ObjectUri>,
    expected: Expected,
    part: PathBuf,
    file: Arc<File>,
    /// The object we are reading; all attempts read the same.
    info: Option<ObjectInfo>,
    /// Bytes that were handed to us in order, from the beginning of the object.
    taken: u64,
    pending: Vec<Bytes>,
    pending_size: usize,
    writing: Option<JoinHandle<io::Result<()>>>,
    failed: bool,
    meter: Meter,
}

impl Sink {
    /// A new file beside `target`, whose folder must exist.
    pub(super) fn new(
        uri: Arc<ObjectUri>,
        target: &Path,
        expected: Expected,
        meter: Meter,
    ) -> Result<Self, StorageError> {
        // Not the target's name with an ending: that may be the name of another object.
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!(".axon-{}-{number}.part", std::process::id());
        let part = target.with_file_name(name);
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&part)
            .map_err(StorageError::io(&part))?;
        Ok(Self {
            uri,
            expected,
            part,
            file: Arc::new(file),
            info: None,
            taken: 0,
            pending: Vec::new(),
            pending_size: 0,
            writing: None,
            failed: false,
            meter,
        })
    }

    /// Bytes that are here already: the next attempt begins behind them.
    pub fn offset(&self) -> u64 {
        self.taken
    }

    /// The mark of the object whose beginning is here.
    pub fn if_match(&self) -> Option<&str> {
        self.info.as_ref()?.etag.as_deref()
    }

    /// What the storage says of the object, before the first byte. `size` is that of the
    /// whole object, also where only the rest is being read.
    ///
    /// # Errors
    /// When it is not the announced object, or not the one whose beginning is here.
    pub fn begin(&mut self, info: ObjectInfo) -> Result<(), StorageError> {
        self.expected.check(&self.uri, &info)?;
        if self.taken > 0 && self.info.as_ref() != Some(&info) {
            return Err(StorageError::Changed {
                uri: (*self.uri).clone(),
            });
        }
        self.meter.set_total(info.size);
        self.info = Some(info);
        Ok(())
    }

    /// Takes in the next bytes. Cancel-safe: once called, the bytes count as taken.
    ///
    /// # Errors
    /// When there are more than the storage said, or the file cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        self.count(bytes.len())?;
        self.pending_size += bytes.len();
        self.pending.push(bytes);
        if self.pending_size >= BATCH {
            self.settle().await?;
            self.hand_over();
        }
        Ok(())
    }

    /// Takes in the rest of a local file, from [`Sink::offset`].
    ///
    /// # Errors
    /// When either file fails.
    pub async fn write_file(&mut self, mut from: File) -> Result<(), StorageError> {
        self.flush().await?;
        from.seek(SeekFrom::Start(self.taken))
            .map_err(|error| self.broken(error))?;
        let from = Arc::new(from);
        loop {
            let (source, target) = (Arc::clone(&from), Arc::clone(&self.file));
            let copy = move || io::copy(&mut (&*source).take(8 * 1024 * 1024), &mut &*target);
            let count = match tokio::task::spawn_blocking(copy).await {
                Ok(Ok(count)) => count,
                Ok(Err(error)) => return Err(self.broken(error)),
                Err(error) => return Err(self.broken(io::Error::other(error))),
            };
            if count == 0 {
                return Ok(());
            }
            self.count(usize::try_from(count).unwrap_or(usize::MAX))?;
        }
    }

    /// Bytes that came once more, because the storage does not send parts of objects.
    #[cfg(feature = "s3")]
    pub(super) fn skipped(&self, bytes: usize) {
        self.meter.add(bytes);
    }

    fn count(&mut self, bytes: usize) -> Result<(), StorageError> {
        self.meter.add(bytes);
        let announced = self.info.as_ref().map_or(0, |info| info.size);
        let taken = self.taken + bytes as u64;
        if taken > announced {
            let reason = format!("it sent more than the {announced} bytes it had announced");
            return Err(StorageError::unavailable(&self.uri, reason));
        }
        self.taken = taken;
        Ok(())
    }

    /// Forgets what is here: the object is another now.
    pub(super) async fn restart(&mut self) -> Result<(), StorageError> {
        self.pending.clear();
        self.pending_size = 0;
        self.settle().await?;
        self.file.set_len(0).map_err(|error| self.broken(error))?;
        (&*self.file).rewind().map_err(|error| self.broken(error))?;
        self.taken = 0;
        self.info = None;
        Ok(())
    }

    /// Everything taken is in the file.
    pub(super) async fn flush(&mut self) -> Result<(), StorageError> {
        self.settle().await?;
        if self.pending_size <= SMALL {
            let batch = std::mem::take(&mut self.pending);
            self.pending_size = 0;
            write_all(&self.file, &batch).map_err(|error| self.broken(error))?;
        } else {
            self.hand_over();
            self.settle().await?;
        }
        Ok(())
    }

    /// Whether all bytes are here; if not, that is worth another attempt.
    pub(super) fn complete(&self) -> Result<ObjectInfo, StorageError> {
        let info = self.info.clone().unwrap_or_default();
        if self.taken == info.size {
            Ok(info)
        } else {
            let reason = format!("it broke off after {} of {} bytes", self.taken, info.size);
            Err(StorageError::unavailable(&self.uri, reason))
        }
    }

    /// Gives the file its name.
    pub(super) fn place(self, target: &Path) -> Result<(), StorageError> {
        std::fs::rename(&self.part, target).map_err(StorageError::io(target))
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<(), StorageError> {
        if self.failed {
            return Err(self.broken(io::Error::other("an earlier write failed")));
        }
        let Some(writing) = &mut self.writing else {
            return Ok(());
        };
        let done = writing.await;
        self.writing = None;
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(error)),
            Err(error) => Err(self.broken(io::Error::other(error))),
        }
    }

    fn hand_over(&mut self) {
        let batch = std::mem::take(&mut self.pending);
        self.pending_size = 0;
        let file = Arc::clone(&self.file);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            write_all(&file, &batch)
        }));
    }

    fn broken(&mut self, error: io::Error) -> StorageError {
        self.failed = true;
        StorageError::Io {
            path: self.part.clone(),
            error,
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // After `place` there is nothing of that name.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn write_all(mut file: &File, batch: &[Bytes]) -> io::Result<()> {
    batch.iter().try_for_each(|bytes| file.write_all(bytes))
}
