//! What the worker keeps in memory, and when it has room for tasks.

use std::any::type_name;
use std::sync::Arc;

use super::WorkerBuilder;
use crate::handler::Need;
use crate::models::Models;
use crate::slot_policy::{CapacityChecker, SlotPolicy};

impl WorkerBuilder {
    /// Models that handlers ask for as an argument of type [`Models<M>`]. Those that are
    /// loaded are the worker's hot cache; see [`models`](crate::models).
    #[must_use]
    pub fn models<M: Send + Sync + 'static>(mut self, models: Models<M>) -> Self {
        if self.data.has(&Need::models::<M>()) {
            let of = type_name::<M>();
            self.problems.push(format!("Models<{of}> are given twice"));
        }
        self.data.insert(Arc::new(models.clone()));
        self.models.push(Arc::new(models));
        self
    }

    /// Asks this policy before each poll whether tasks are wanted. Of several, each has to
    /// agree; see [`slot_policy`](crate::slot_policy).
    #[must_use]
    pub fn slot_policy(mut self, policy: impl SlotPolicy) -> Self {
        self.policies.add(policy);
        self
    }

    /// Short for a [`CapacityChecker::by_task`]: `may_take` says whether tasks of this name
    /// are wanted now, as the `capacity_checker` of the Python SDK does.
    #[must_use]
    pub fn capacity_checker(self, may_take: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        self.slot_policy(CapacityChecker::by_task(may_take))
    }
}
