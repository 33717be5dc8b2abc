//! Notes on their way to the journal's thread. They stand in a list, and one message has
//! the keeper take all there are: a message for each would be two pieces of memory that
//! one thread asks for and another frees, for which the two share a lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;

use super::Note;

/// There are notes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct NotesCame;

/// Where notes wait for the keeper.
pub(crate) type NoteList = Arc<Mutex<Vec<Note>>>;

/// Takes notes down.
#[derive(Clone)]
pub(crate) struct Notebook {
    notes: NoteList,
    keeper: Recipient<NotesCame>,
}

impl Notebook {
    #[cfg(feature = "journal")]
    pub(crate) fn new(notes: NoteList, keeper: Recipient<NotesCame>) -> Self {
        Self { notes, keeper }
    }

    /// Whether anybody reads it.
    pub(crate) fn is_read(&self) -> bool {
        self.keeper.connected()
    }

    pub(crate) fn add(&self, note: Note) {
        self.extend(std::iter::once(note));
    }

    pub(crate) fn extend(&self, more: impl Iterator<Item = Note>) {
        let mut notes = lock(&self.notes);
        let was_empty = notes.is_empty();
        notes.extend(more);
        let has_begun = was_empty && !notes.is_empty();
        drop(notes);
        if has_begun {
            self.keeper.do_send(NotesCame);
        }
    }
}

/// Exchanges the notes there are for an empty list with room for more.
#[cfg(feature = "journal")]
pub(super) fn take(notes: &NoteList, into: &mut Vec<Note>) {
    std::mem::swap(&mut *lock(notes), into);
}

fn lock(notes: &NoteList) -> MutexGuard<'_, Vec<Note>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}
