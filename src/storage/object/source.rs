//! A local file on its way into the storage.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;

use super::StorageError;
use super::meter::Meter;

/// What is read at once.
const CHUNK: usize = 256 * 1024;

/// A file as it was when its transfer began. Reading it counts the bytes, which is how
/// a transfer that stands still is noticed.
#[derive(Debug, Clone)]
pub struct Source {
    path: Arc<Path>,
    file: Arc<File>,
    size: u64,
    meter: Meter,
}

impl Source {
    /// Opens a file. Its size is fixed here.
    pub(super) fn open(path: &Path, meter: Meter) -> Result<Self, StorageError> {
        let failed = |error| StorageError::Io {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a file",
            )));
        }
        meter.set_total(metadata.len());
        Ok(Self {
            path: path.into(),
            size: metadata.len(),
            file: Arc::new(file),
            meter,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file itself. Its position is shared: read at offsets.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Counts bytes that were read from [`Source::file`].
    pub fn count(&self, bytes: usize) {
        self.meter.add(bytes);
    }

    /// Reads a part at once. For small parts.
    ///
    /// # Errors
    /// When the file cannot be read, or has become shorter.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, range.start)?;
        self.meter.add(length);
        Ok(buffer.into())
    }

    /// Reads a part piece by piece, on other threads.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        let source = self.clone();
        futures_util::stream::try_unfold(range, move |range| {
            let source = source.clone();
            async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let end = range.end.min(range.start + CHUNK as u64);
                let piece = range.start..end;
                let bytes = tokio::task::spawn_blocking(move || source.read(piece))
                    .await
                    .map_err(io::Error::other)??;
                Ok(Some((bytes, end..range.end)))
            }
        })
    }

    /// Whether the file has lost bytes since the transfer began.
    pub fn is_shorter(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.len() < self.size)
    }

    /// The error of a file that cannot be read.
    pub fn failed(&self, error: io::Error) -> StorageError {
        StorageError::Io {
            path: PathBuf::from(&*self.path),
            error,
        }
    }
}
