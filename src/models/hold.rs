//! What one task holds, so that it never waits for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::guard::{Model, Pin};
use crate::task::Cancellation;

/// The models that one task has asked for.
pub(super) struct Holder<M: Send + Sync + 'static> {
    held: Mutex<HashMap<Arc<str>, Weak<Pin<M>>>>,
    pub(super) cancellation: Cancellation,
}

impl<M: Send + Sync + 'static> Holder<M> {
    pub(super) fn new(cancellation: Cancellation) -> Self {
        Self {
            held: Mutex::default(),
            cancellation,
        }
    }

    /// The model, if the task holds it already.
    pub(super) fn find(&self, name: &str) -> Option<Model<M>> {
        self.lock().get(name)?.upgrade().map(Model)
    }

    pub(super) fn remember(&self, model: &Model<M>) {
        let mut held = self.lock();
        held.retain(|_, pin| pin.strong_count() > 0);
        held.insert(Model::name(model).into(), Arc::downgrade(&model.0));
    }

    /// What the models cost that it holds; `None`: it holds none.
    pub(super) fn cost(&self) -> Option<u64> {
        // A pin that is dropped here locks the shelf, but never this.
        let pins: Vec<_> = self.lock().values().filter_map(Weak::upgrade).collect();
        (!pins.is_empty()).then(|| pins.iter().map(|pin| pin.cost).sum())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<Pin<M>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
