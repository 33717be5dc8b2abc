//! What a test sees of a [`MemoryOrchestrator`], now or when it happens.

use std::time::Duration;

use super::{Call, MemoryOrchestrator, State};
use crate::id::TaskId;
use crate::task::TaskResult;
use crate::transport::Report;

/// A request that a worker made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// When, counted from [`MemoryOrchestrator::new`] on tokio's clock.
    pub at: Duration,
    /// What.
    pub call: Call,
    /// By which worker: the number of calls of [`MemoryOrchestrator::connect`] before it.
    pub worker: usize,
}

impl MemoryOrchestrator {
    /// Waits for the result of a task.
    pub async fn result_of(&self, id: &TaskId) -> TaskResult {
        self.wait_for(|state| state.results.iter().find(|r| r.task_id == *id).cloned())
            .await
    }

    /// Waits for the result of a task and keeps none of it.
    pub(crate) async fn take_result(&self, id: &TaskId) -> TaskResult {
        self.wait_for_mut(|state| {
            let place = state.results.iter().position(|r| r.task_id == *id)?;
            Some(state.results.remove(place))
        })
        .await
    }

    /// Waits until so many results have come, and returns all of them.
    pub async fn results(&self, at_least: usize) -> Vec<TaskResult> {
        self.wait_for(|state| (state.results.len() >= at_least).then(|| state.results.clone()))
            .await
    }

    /// Waits for a heartbeat that fits, among all there were and will be.
    pub async fn report_where(&self, fits: impl Fn(&Report) -> bool) -> Report {
        self.wait_for(|state| state.reports.iter().find(|report| fits(report)).cloned())
            .await
    }

    /// All heartbeats so far.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.lock().reports.clone()
    }

    /// The states that workers registered with, in the order they came.
    #[must_use]
    pub fn registered_as(&self) -> Vec<Report> {
        self.lock().registered_as.clone()
    }

    /// All requests so far, failed ones included, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().made.iter().map(|made| made.call).collect()
    }

    /// All requests so far, failed ones included, in order, with time and worker.
    #[must_use]
    pub fn timeline(&self) -> Vec<Made> {
        self.lock().made.clone()
    }

    /// How many requests of a kind there were so far, failed ones included.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.lock().count(call)
    }

    /// Waits until so many requests of a kind were made.
    pub async fn called(&self, call: Call, at_least: usize) {
        self.wait_for(|state| (state.count(call) >= at_least).then_some(()))
            .await;
    }

    /// Polls that are open now.
    #[must_use]
    pub fn open_polls(&self) -> usize {
        self.lock().open_polls
    }

    /// Tasks that nobody has taken yet.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    /// Lets go of all requests, heartbeats, results, progress and events so far, which
    /// otherwise stay for good. What waits for more of them counts from zero.
    pub fn clear_history(&self) {
        let state = &mut *self.lock();
        state.made.clear();
        state.reports.clear();
        state.results.clear();
        state.told.clear();
    }

    pub(super) async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        self.wait_for_mut(|state| look(state)).await
    }

    /// Waits for something to take.
    pub(super) async fn wait_for_mut<T>(&self, take: impl Fn(&mut State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = take(&mut self.lock()) {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

impl State {
    fn count(&self, call: Call) -> usize {
        self.made.iter().filter(|made| made.call == call).count()
    }
}
