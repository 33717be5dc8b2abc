//! Looking at the worker's own resources, which may take long: on a thread of its own.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustix::process::{Resource, getrlimit};

use crate::config::Settings;
use crate::storage::owned_dir;
use crate::usage::machine_available;

/// So many files more have to be allowed than are open; an eighth of a low limit.
const SPARE_FILES: u64 = 16;

/// What a look has found: reasons not to take tasks.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What writing a file into the folder of the task folders came to, if that was tried.
    pub(super) written: Option<Result<(), String>>,
    pub(super) free_disk: Option<String>,
    pub(super) open_files: Option<String>,
    pub(super) memory: Option<String>,
}

/// What is looked at.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    task_files: PathBuf,
    journal: Option<PathBuf>,
    /// In bytes; 0: whatever there is will do.
    min_free_disk: u64,
    min_free_memory: u64,
    lacking: Lacking,
}

/// What there was too little of at the last look.
#[derive(Debug, Default)]
struct Lacking {
    disk: bool,
    files: bool,
    memory: bool,
}

impl Prober {
    /// Looks at what these settings are about. `journal`: whether there is one.
    pub(crate) fn new(settings: &Settings, journal: bool) -> Self {
        Self {
            task_files: settings.storage.task_files_dir.clone(),
            journal: settings.journal_dir().filter(|_| journal),
            min_free_disk: settings.storage.min_free_disk,
            min_free_memory: settings.intake.min_free_memory,
            lacking: Lacking::default(),
        }
    }

    /// Where task folders are, for people.
    pub(super) fn place(&self) -> String {
        self.task_files.display().to_string()
    }

    /// Looks at everything; blocks. `write`: also whether a file can be written.
    fn look(&mut self, write: bool) -> Findings {
        Findings {
            written: write.then(|| self.write()),
            free_disk: self.free_disk(),
            open_files: self.open_files(),
            memory: self.memory(),
        }
    }

    fn write(&self) -> Result<(), String> {
        let path =
            std::path::absolute(&self.task_files).unwrap_or_else(|_| self.task_files.clone());
        owned_dir::ensure(&path).map_err(|error| error.to_string())
    }

    fn free_disk(&mut self) -> Option<String> {
        let least = self.min_free_disk;
        let folders = [Some(&self.task_files), self.journal.as_ref()];
        let was_low = self.lacking.disk;
        let mut folders = folders.into_iter().flatten();
        let low =
            folders.find(|folder| free_at(folder).is_some_and(|free| is_low(free, least, was_low)));
        self.lacking.disk = low.is_some();
        let folder = low?.display();
        Some(format!(
            "less than {least} bytes are free on the disk of {folder} (AXON_MIN_FREE_DISK)"
        ))
    }

    fn open_files(&mut self) -> Option<String> {
        let limit = getrlimit(Resource::Nofile).current?;
        let spare = match std::fs::read_dir("/proc/self/fd") {
            Ok(files) => limit.saturating_sub(files.count() as u64),
            // There is none for looking.
            Err(error) if is_out_of_files(&error) => 0,
            Err(_) => return None,
        };
        let least = SPARE_FILES.min(limit / 8);
        self.lacking.files = is_low(spare, least, self.lacking.files);
        self.lacking
            .files
            .then(|| format!("nearly all of the {limit} files that may be open are (ulimit -n)"))
    }

    fn memory(&mut self) -> Option<String> {
        let least = self.min_free_memory;
        let is_lacking = least > 0
            && machine_available().is_some_and(|free| is_low(free, least, self.lacking.memory));
        self.lacking.memory = is_lacking;
        is_lacking
            .then(|| format!("less than {least} bytes of memory are left (AXON_MIN_FREE_MEMORY)"))
    }
}

/// Returns whether that is too little. What was too little has to grow by a tenth more, or
/// it would be so again at once.
fn is_low(free: u64, least: u64, was_low: bool) -> bool {
    free < least || (was_low && free < least.saturating_add(least / 10))
}

fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// What is free on the disk of a folder, or of where it would be made.
fn free_at(folder: &Path) -> Option<u64> {
    let mut places = folder.ancestors();
    let found = places.find_map(|place| rustix::fs::statvfs(place).ok())?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

type Answer = Box<dyn FnOnce(Findings) + Send>;

/// The way to who looks.
pub(crate) enum Seat {
    /// A thread. It ends when this is dropped; if a disk never answers, it is left behind.
    Beside(Sender<(bool, Answer)>),
    /// Right here, in workers that have one thread for everything.
    Here(RefCell<Prober>),
}

impl Seat {
    pub(crate) fn beside(mut prober: Prober) -> io::Result<Self> {
        let (ask, asked) = channel::<(bool, Answer)>();
        thread::Builder::new()
            .name("axon-health".to_owned())
            .spawn(move || {
                while let Ok((write, answer)) = asked.recv() {
                    answer(prober.look(write));
                }
            })?;
        Ok(Self::Beside(ask))
    }

    pub(crate) fn here(prober: Prober) -> Self {
        Self::Here(RefCell::new(prober))
    }

    /// Has it looked, and the answer taken.
    pub(super) fn look(&self, write: bool, answer: impl FnOnce(Findings) + Send + 'static) {
        match self {
            Self::Beside(ask) => {
                // The thread lives as long as this.
                let _ = ask.send((write, Box::new(answer)));
            }
            Self::Here(prober) => answer(prober.borrow_mut().look(write)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_little_has_to_be_a_tenth_more() {
        assert!(!is_low(0, 0, true), "nothing is asked for");
        assert!(is_low(99, 100, false));
        assert!(!is_low(100, 100, false));
        assert!(is_low(109, 100, true));
        assert!(!is_low(110, 100, true));
    }

    #[test]
    fn too_little_disk_and_memory_are_told_by_their_settings() {
        let dir = tempfile::tempdir().unwrap();
        let mut prober = Prober {
            task_files: dir.path().join("not/made"),
            ..Prober::default()
        };
        let findings = prober.look(false);
        assert!(findings.written.is_none() && !dir.path().join("not").exists());
        assert_eq!((findings.free_disk, findings.memory), (None, None));

        prober.min_free_disk = u64::MAX;
        prober.min_free_memory = u64::MAX;
        let findings = prober.look(true);
        assert_eq!(findings.written, Some(Ok(())));
        assert!(findings.free_disk.unwrap().contains("AXON_MIN_FREE_DISK"));
        assert!(findings.memory.unwrap().contains("AXON_MIN_FREE_MEMORY"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let mut prober = Prober {
            task_files: dir.path().join("file/payloads"),
            ..Prober::default()
        };
        let told = prober.look(true).written.unwrap().unwrap_err();
        assert!(told.contains("file/payloads"), "{told}");
    }
}
