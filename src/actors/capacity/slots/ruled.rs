//! What a slot policy of the user's changes, and what it is shown.

use std::sync::Arc;

use super::Slots;
use crate::slot_policy::{Ruling, SlotView};

impl<T> Slots<T> {
    /// What a policy of the user's says from now on.
    pub(crate) fn rule(&mut self, ruling: &Ruling) {
        if self.unwanted != *ruling.unwanted() {
            self.unwanted.clone_from(ruling.unwanted());
        }
        let mut handlers = self.entries.iter().chain(&self.queues);
        let none_left = !self.unwanted.is_empty()
            && handlers.all(|handler| self.unwanted.contains(&handler.name));
        let because = match ruling.reason() {
            None if none_left => Some("no task of any handler is wanted"),
            because => because,
        };
        if self.refused.as_deref() != because {
            self.refused = because.map(Arc::from);
        }
    }

    /// Why the policy wants no tasks at all.
    pub(crate) fn refused(&self) -> Option<&Arc<str>> {
        self.refused.as_ref()
    }

    /// What the policy is shown.
    pub(crate) fn view(&self) -> SlotView {
        let mut view = SlotView::default();
        self.tell(&mut view.capacity);
        // Its own answer is no news.
        view.capacity.refused = None;
        let handlers = self.entries.iter().chain(&self.queues);
        view.names = handlers.map(|handler| handler.name.clone()).collect();
        view
    }
}
