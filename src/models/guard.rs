//! A model in somebody's hands.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::shared::Shared;

/// A model that stays in memory for as long as this, or a clone of it, exists.
///
/// Let go of it when the work with it is done: others may be waiting for its room.
pub struct Model<M: Send + Sync + 'static>(pub(super) Arc<Pin<M>>);

/// One pin. The fields are dropped in this order: whoever evicts the model after that has
/// it alone.
pub(super) struct Pin<M: Send + Sync + 'static> {
    model: Arc<M>,
    pub(super) cost: u64,
    back: GiveBack<M>,
}

struct GiveBack<M: Send + Sync + 'static> {
    name: Arc<str>,
    shared: Arc<Shared<M>>,
}

impl<M: Send + Sync + 'static> Drop for GiveBack<M> {
    fn drop(&mut self) {
        self.shared.unpin(&self.name);
    }
}

impl<M: Send + Sync + 'static> Model<M> {
    pub(super) fn new(name: Arc<str>, model: Arc<M>, cost: u64, shared: Arc<Shared<M>>) -> Self {
        let back = GiveBack { name, shared };
        Self(Arc::new(Pin { model, cost, back }))
    }

    /// Its name. An associated function, as the model may have one of its own.
    #[must_use]
    pub fn name(this: &Self) -> &str {
        &this.0.back.name
    }
}

impl<M: Send + Sync + 'static> Clone for Model<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Send + Sync + 'static> Deref for Model<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0.model
    }
}

impl<M: Send + Sync + 'static> fmt::Debug for Model<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&Self::name(self)).finish()
    }
}
