//! An object on its way into a local file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::meter::Meter;
use super::{Expected, ObjectInfo, ObjectUri, StorageError, etag};
use crate::storage::owned_dir;

/// Written at once, on another thread. What is less waits for the end, so that a small
/// object is made, written and named in one go.
const BATCH: usize = 1024 * 1024;

/// Takes in the bytes of one object, over several attempts if need be, and checks that
/// it is the announced one and complete. The file has an odd name until then.
#[derive(Debug)]
pub struct Sink {
    uri: Arc<ObjectUri>,
    expected: Expected,
    part: Arc<PartFile>,
    /// `None` until the first batch has been written.
    file: Option<Arc<File>>,
    /// The object we are reading; all attempts read the same.
    info: Option<ObjectInfo>,
    /// Bytes that were handed to us in order, from the beginning of the object.
    taken: u64,
    pending: Vec<Bytes>,
    pending_size: usize,
    writing: Option<JoinHandle<io::Result<Arc<File>>>>,
    /// Another thread copies into the file. Still set when [`Sink::write_file`] has not
    /// ended by itself: nobody knows then when that thread writes again.
    copying: bool,
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
        let folder = target.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() && !folder.is_dir() {
            return Err(StorageError::io(target)(io::ErrorKind::NotFound.into()));
        }
        Ok(Self {
            uri,
            expected,
            part: Arc::new(PartFile::beside(target)),
            file: None,
            info: None,
            taken: 0,
            pending: Vec::new(),
            pending_size: 0,
            writing: None,
            copying: false,
            failed: false,
            meter,
        })
    }

    /// Bytes that are here already: the next attempt begins behind them.
    pub fn offset(&self) -> u64 {
        self.taken
    }

    /// The mark of the object whose beginning is here, if it stands for its bytes.
    pub fn if_match(&self) -> Option<&str> {
        etag::strong(self.info.as_ref()?.etag.as_deref()?)
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
        self.check_copying()?;
        self.count(bytes.len())?;
        self.pending_size += bytes.len();
        self.pending.push(bytes);
        let is_idle = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        if self.pending_size >= 2 * BATCH || (self.pending_size >= BATCH && is_idle) {
            self.settle().await?;
            self.hand_over();
        }
        Ok(())
    }

    /// Takes in the rest of a local file, from [`Sink::offset`]. Not cancel-safe: when it
    /// is dropped, what the attempt has written is thrown away, and nothing more is taken
    /// in before the next attempt.
    ///
    /// # Errors
    /// When either file fails.
    pub async fn write_file(&mut self, mut from: File) -> Result<(), StorageError> {
        self.check_copying()?;
        let file = self.flush().await?;
        from.seek(SeekFrom::Start(self.taken))
            .map_err(|error| self.broken(error))?;
        let from = Arc::new(from);
        loop {
            let (source, target) = (Arc::clone(&from), Arc::clone(&file));
            let copy = move || io::copy(&mut (&*source).take(8 * 1024 * 1024), &mut &*target);
            self.copying = true;
            let copied = tokio::task::spawn_blocking(copy).await;
            self.copying = false;
            let count = match copied {
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

    fn check_copying(&self) -> Result<(), StorageError> {
        if self.copying {
            let reason = "a copy of it was given up and may still be going on";
            return Err(StorageError::unavailable(&self.uri, reason));
        }
        Ok(())
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

    /// Whether the next attempt can go on behind what is here.
    pub(super) fn is_resumable(&self) -> bool {
        self.if_match().is_some() && !self.copying
    }

    /// Begins anew, in a file of its own: whoever still writes to the old one, which has
    /// no name any more, harms nobody and is not waited for.
    pub(super) fn restart(&mut self) {
        self.part = Arc::new(PartFile::beside(&self.part.path));
        self.file = None;
        self.info = None;
        self.taken = 0;
        self.pending.clear();
        self.pending_size = 0;
        self.writing = None;
        self.copying = false;
        self.failed = false;
    }

    /// Everything taken is in the file.
    async fn flush(&mut self) -> Result<Arc<File>, StorageError> {
        self.settle().await?;
        if self.pending_size > 0 || self.file.is_none() {
            self.hand_over();
            self.settle().await?;
        }
        let none = || io::Error::other("it has no file");
        self.file.clone().ok_or_else(|| self.broken(none()))
    }

    /// Whether all bytes are here; if not, that is worth another attempt.
    pub(super) fn complete(&self) -> Result<ObjectInfo, StorageError> {
        self.check_copying()?;
        let info = self.info.clone().unwrap_or_default();
        if self.taken == info.size {
            Ok(info)
        } else {
            let reason = format!("it broke off after {} of {} bytes", self.taken, info.size);
            Err(StorageError::unavailable(&self.uri, reason))
        }
    }

    /// Gives the file its name.
    pub(super) async fn place(mut self, target: &Path) -> Result<(), StorageError> {
        self.settle().await?;
        let batch = std::mem::take(&mut self.pending);
        let (part, file, to) = (Arc::clone(&self.part), self.file.take(), target.to_owned());
        let announced = self.info.as_ref().map_or(0, |info| info.size);
        let place = move || {
            let file = part.write(file, &batch)?;
            // The file itself, not the bytes that were counted on their way.
            let size = file.metadata()?.len();
            if size != announced {
                let text = format!("it has {size} bytes instead of {announced}");
                return Err(io::Error::other(text));
            }
            std::fs::rename(&part.path, to)?;
            part.is_made.store(false, Relaxed);
            io::Result::Ok(())
        };
        let placed = tokio::task::spawn_blocking(place).await;
        let placed = placed.map_err(io::Error::other).and_then(|result| result);
        placed.map_err(StorageError::io(target))
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
            Ok(Ok(file)) => {
                self.file = Some(file);
                Ok(())
            }
            Ok(Err(error)) => Err(self.broken(error)),
            Err(error) => Err(self.broken(io::Error::other(error))),
        }
    }

    fn hand_over(&mut self) {
        let batch = std::mem::take(&mut self.pending);
        self.pending_size = 0;
        let (part, file) = (Arc::clone(&self.part), self.file.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            part.write(file, &batch)
        }));
    }

    fn broken(&mut self, error: io::Error) -> StorageError {
        self.failed = true;
        StorageError::Io {
            path: self.part.path.clone(),
            error,
        }
    }
}

/// The file while it has no name of its own. It goes with the last who writes to it.
#[derive(Debug)]
struct PartFile {
    path: PathBuf,
    is_made: AtomicBool,
}

impl PartFile {
    /// A name in the folder of `target` that nobody else has, nor had: in a container every
    /// process has the number of the one that was killed before it. It is not the target's name
    /// with an ending: that may be the name of another object.
    fn beside(target: &Path) -> Self {
        let name = format!(".axon-{:016x}.part", fastrand::u64(..));
        Self {
            path: target.with_file_name(name),
            is_made: AtomicBool::new(false),
        }
    }

    /// Appends to the file, which is made by the first batch.
    fn write(&self, file: Option<Arc<File>>, batch: &[Bytes]) -> io::Result<Arc<File>> {
        let file = match file {
            Some(file) => file,
            None => {
                let mut options = owned_dir::file_options();
                let new = options.write(true).create_new(true).open(&self.path)?;
                self.is_made.store(true, Relaxed);
                Arc::new(new)
            }
        };
        let mut writer = &*file;
        batch.iter().try_for_each(|bytes| writer.write_all(bytes))?;
        Ok(file)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if *self.is_made.get_mut() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
