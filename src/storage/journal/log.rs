//! The files: segments that are written one after the other, the newest at its end.
//!
//! A record is written with one `write(2)`. Then it is in the kernel, and survives the
//! end of the process, however that comes about.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{is_at, segment_name};
use super::format;

/// A segment of this size gets no more records, unless there is so much in the others that
/// there would be many.
const SEGMENT: u64 = 1024 * 1024;
/// About so many segments there are at most, each with an open file.
const MOST: u64 = 32;

/// Segments of one journal, the oldest first. Records go to the last one.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    segments: VecDeque<Segment>,
    /// The number of the next segment.
    next: u64,
    /// Whether the last segment takes records.
    is_open: bool,
    /// Files that were written to and not forced to the disk, if they are to be.
    unsynced: Option<Vec<Arc<File>>>,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    path: PathBuf,
    file: Arc<File>,
    /// What was written completely; the file may be longer after a failure.
    len: u64,
}

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Log {
    /// Returns a log without segments. `syncs`: whether files are to be forced to the
    /// disk, by [`take_unsynced`](Self::take_unsynced).
    pub(super) fn new(folder: &Path, syncs: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            segments: VecDeque::new(),
            next: 1,
            is_open: false,
            unsynced: syncs.then(Vec::new),
        }
    }

    /// Adds a segment of an earlier process, to which nothing is written any more.
    pub(super) fn adopt(&mut self, number: u64, path: PathBuf, file: File, len: u64) {
        self.next = self.next.max(number.saturating_add(1));
        self.segments.push_back(Segment {
            number,
            path,
            file: Arc::new(file),
            len,
        });
    }

    /// Whether the next records need a new segment.
    pub(super) fn needs_segment(&self) -> bool {
        let most = SEGMENT.max(self.bytes() / MOST);
        let is_full = |segment: &Segment| segment.len >= most;
        !self.is_open || self.segments.back().is_none_or(is_full)
    }

    /// Begins a segment with these frames.
    pub(super) fn begin_segment(&mut self, frames: &[u8]) -> io::Result<()> {
        let number = self.next;
        self.next += 1;
        let path = self.folder.join(segment_name(number));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;

        let mut first = format::header().to_vec();
        first.extend(frames);
        if let Err(error) = file.write_all_at(&first, 0) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }

        self.adopt(number, path, file, first.len() as u64);
        self.is_open = true;
        self.mark_unsynced();
        if let Some(unsynced) = &mut self.unsynced {
            // So that the name of the new file is on the disk as well.
            unsynced.push(Arc::new(File::open(&self.folder)?));
        }
        Ok(())
    }

    /// Writes frames and returns where they begin. After an error nothing of them is
    /// there, and the next ones go into a new segment.
    pub(super) fn append(&mut self, frames: &[u8]) -> io::Result<Location> {
        let Some(segment) = self.segments.back_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = segment.file.write_all_at(frames, segment.len) {
            // Nobody must take what was written of it for records.
            let _ = segment.file.set_len(segment.len);
            self.is_open = false;
            return Err(error);
        }

        let location = Location {
            segment: segment.number,
            offset: segment.len,
            len: frames.len() as u64,
        };
        segment.len += location.len;
        self.mark_unsynced();
        Ok(location)
    }

    /// Reads a frame.
    pub(super) fn read(&self, location: Location, into: &mut Vec<u8>) -> io::Result<()> {
        let segment = self
            .segments
            .iter()
            .find(|segment| segment.number == location.segment)
            .ok_or(io::ErrorKind::NotFound)?;
        let start = into.len();
        into.resize(start + usize::try_from(location.len).unwrap_or(0), 0);
        segment
            .file
            .read_exact_at(&mut into[start..], location.offset)
    }

    /// Returns all that was written to a segment.
    pub(super) fn read_segment(&self, number: u64) -> io::Result<Vec<u8>> {
        let len = self.segments.iter().find(|it| it.number == number);
        let whole = Location {
            segment: number,
            offset: 0,
            len: len.map_or(0, |segment| segment.len),
        };
        let mut bytes = Vec::new();
        self.read(whole, &mut bytes)?;
        Ok(bytes)
    }

    /// Returns the number of the oldest segment, unless it is the one that takes records.
    pub(super) fn oldest(&self) -> Option<u64> {
        let is_written = usize::from(self.is_open);
        let oldest = self.segments.front()?;
        (self.segments.len() > is_written).then_some(oldest.number)
    }

    /// Whether there is more than one segment.
    pub(super) fn has_younger(&self) -> bool {
        self.segments.len() > 1
    }

    /// Returns the numbers of all segments, the oldest first.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.segments.iter().map(|segment| segment.number).collect()
    }

    /// Removes the oldest segment and its file.
    pub(super) fn remove_oldest(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            // Somebody else may have removed it.
            let _ = std::fs::remove_file(&segment.path);
        }
        if self.segments.is_empty() {
            self.is_open = false;
        }
    }

    /// Returns the length of all segments together.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Whether every file is still where it was written, and as long as it was.
    pub(super) fn is_in_place(&self) -> bool {
        self.segments.iter().all(Segment::is_in_place)
    }

    /// Makes the next records go into a new segment, in a folder that may be new.
    pub(super) fn leave_segments(&mut self) {
        self.is_open = false;
    }

    /// Returns the files that were written to since the last call.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        self.unsynced
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn mark_unsynced(&mut self) {
        let Some(unsynced) = &mut self.unsynced else {
            return;
        };
        let Some(segment) = self.segments.back() else {
            return;
        };
        if !unsynced.iter().any(|file| Arc::ptr_eq(file, &segment.file)) {
            unsynced.push(segment.file.clone());
        }
    }
}

impl Segment {
    fn is_in_place(&self) -> bool {
        let has_all = |data: std::fs::Metadata| data.len() >= self.len;
        is_at(&self.path, &self.file) && self.file.metadata().is_ok_and(has_all)
    }
}

/// Forces files to the disk.
pub(crate) fn sync(files: &[Arc<File>]) -> io::Result<()> {
    files.iter().try_for_each(|file| file.sync_data())
}
