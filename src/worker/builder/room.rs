//! What the worker keeps in memory, and when it has room for tasks.

use std::any::type_name;
use std::sync::Arc;

use super::WorkerBuilder;
use crate::handler::Need;
use crate::models::Models;
use crate::ready_check::{Readiness, ReadyCheck};
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

    /// Asks this before polls are sent: whether the worker is in a state to do tasks at all,
    /// for example whether its device answers. Of several, each has to agree.
    ///
    /// It is asked at the start, before the first poll, and 5 s after each answer; an answer
    /// counts until the next one. An answer that takes more than 5 s is a no, and so is a
    /// panic. While it is a no, the worker sends no polls and tells orchestrators that it is
    /// busy, and `/ready`, status, metrics and log say the error as the reason. Running tasks
    /// go on, open polls stay open, and a task that one of them brings is run.
    ///
    /// It runs on a thread of its own for all of these checks, so it should not block. For
    /// conditions that change with the work at hand there are
    /// [slot policies](WorkerBuilder::slot_policy).
    ///
    /// ```
    /// use axon_worker::{TaskError, Worker};
    ///
    /// async fn render(_: serde_json::Value) -> Result<(), TaskError> {
    ///     Ok(())
    /// }
    /// # let _ =
    /// Worker::builder("render-farm")
    ///     .task("render", render)
    ///     .ready_when(|| async { tokio::fs::metadata("/dev/null").await });
    /// ```
    #[must_use]
    pub fn ready_when<C, F>(self, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output: Readiness> + 'static,
    {
        self.ready_check(ReadyCheck::new("the readiness check says no", check))
    }

    pub(crate) fn ready_check(mut self, check: ReadyCheck) -> Self {
        self.ready_checks.push(check);
        self
    }

    /// Short for a [`CapacityChecker::by_task`]: `may_take` says whether tasks of this name
    /// are wanted now, as the `capacity_checker` of the Python SDK does.
    #[must_use]
    pub fn capacity_checker(self, may_take: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        self.slot_policy(CapacityChecker::by_task(may_take))
    }
}
