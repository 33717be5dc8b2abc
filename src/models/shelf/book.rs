//! What is written down of one model, and of those who want one that is not there.

use std::sync::Arc;

use super::Step;

/// A model that takes room.
#[derive(Debug)]
pub(super) struct Book<T> {
    pub(super) cost: u64,
    pub(super) stage: Stage<T>,
    /// It leaves as soon as nobody holds it, and nobody gets it any more.
    pub(super) condemned: bool,
}

#[derive(Debug)]
pub(super) enum Stage<T> {
    Loading(Vec<T>),
    Ready {
        pins: usize,
        /// When it was last taken or given back.
        used_at: u64,
    },
    Leaving,
}

/// A model that shall be there, and all who wait for it.
#[derive(Debug)]
pub(super) struct Want<T> {
    pub(super) name: Arc<str>,
    pub(super) cost: u64,
    pub(super) tickets: Vec<T>,
}

impl<T> Book<T> {
    pub(super) fn give(&mut self, name: &Arc<str>, tickets: Vec<T>, steps: &mut Vec<Step<T>>) {
        if let Stage::Ready { pins, .. } = &mut self.stage {
            *pins += tickets.len();
            let given = tickets.into_iter().map(|it| Step::Give(name.clone(), it));
            steps.extend(given);
        }
    }

    pub(super) fn leave_if_condemned(&mut self, name: &Arc<str>) -> Option<Step<T>> {
        let leaves = self.condemned && matches!(self.stage, Stage::Ready { pins: 0, .. });
        leaves.then(|| {
            self.stage = Stage::Leaving;
            Step::Evict(name.clone())
        })
    }
}
