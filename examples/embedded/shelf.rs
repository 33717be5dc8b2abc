//! Where pictures are, and what is known of them. Shared by the service and its handlers.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axon_worker::{JobId, WorkerEvent};

/// So many events are shown.
const EVENTS: usize = 12;

/// Clones are the same shelf.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<Inside>);

struct Inside {
    folder: PathBuf,
    next: AtomicU64,
    pictures: Mutex<BTreeMap<u64, Picture>>,
    events: Mutex<VecDeque<String>>,
}

/// A picture that somebody sent.
#[derive(Clone)]
pub(crate) struct Picture {
    /// What the sender calls it. Never a part of a path.
    pub(crate) name: String,
    pub(crate) job: JobId,
}

impl Shelf {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(Arc::new(Inside {
            folder: folder.to_owned(),
            next: AtomicU64::new(1),
            pictures: Mutex::default(),
            events: Mutex::default(),
        }))
    }

    /// A number that no picture has yet.
    pub(crate) fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn original(&self, number: u64) -> PathBuf {
        self.0.folder.join(format!("{number}-original"))
    }

    pub(crate) fn small(&self, number: u64) -> PathBuf {
        self.0.folder.join(format!("{number}-small.png"))
    }

    pub(crate) fn add(&self, number: u64, picture: Picture) {
        lock(&self.0.pictures).insert(number, picture);
    }

    pub(crate) fn picture(&self, number: u64) -> Option<Picture> {
        lock(&self.0.pictures).get(&number).cloned()
    }

    /// The newest first.
    pub(crate) fn pictures(&self) -> Vec<(u64, Picture)> {
        let pictures = lock(&self.0.pictures);
        let newest = pictures.iter().rev();
        newest.map(|(number, it)| (*number, it.clone())).collect()
    }

    pub(crate) fn note(&self, event: &WorkerEvent) {
        let words = match event {
            WorkerEvent::Registered { orchestrator } => format!("registered at {orchestrator}"),
            WorkerEvent::TaskStarted { name, .. } => format!("{name} begins"),
            WorkerEvent::TaskEnded {
                name,
                outcome,
                took,
                ..
            } => format!("{name} ends after {took:.1?}: {}", outcome.status()),
            WorkerEvent::Draining => "draining".to_owned(),
            _ => return,
        };
        let mut events = lock(&self.0.events);
        events.truncate(EVENTS - 1);
        events.push_front(words);
    }

    pub(crate) fn events(&self) -> Vec<String> {
        lock(&self.0.events).iter().cloned().collect()
    }
}

/// What is behind these locks is written whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
