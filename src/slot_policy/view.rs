//! What a policy sees of the worker.

use std::sync::Arc;

use crate::id::TaskName;
use crate::status::CapacityStatus;

/// What is taken of the slots at one moment.
///
/// Policies can be tested without a worker:
///
/// ```
/// use axon_worker::slot_policy::SlotView;
///
/// let view = SlotView::of(["cut", "blur"]).limited_to(4).running(3);
/// assert_eq!((view.limit(), view.tasks(), view.open_polls()), (4, 3, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotView {
    pub(crate) names: Arc<[TaskName]>,
    pub(crate) capacity: CapacityStatus,
}

impl SlotView {
    /// An idle worker with these handlers and a limit of 1, for tests.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            names: names.into_iter().map(TaskName::from).collect(),
            capacity: CapacityStatus {
                limit: 1,
                ..CapacityStatus::default()
            },
        }
    }

    /// The same with another limit, for tests.
    #[must_use]
    pub fn limited_to(mut self, limit: usize) -> Self {
        self.capacity.limit = limit;
        self
    }

    /// The same with so many tasks, for tests.
    #[must_use]
    pub fn running(mut self, tasks: usize) -> Self {
        self.capacity.tasks = tasks;
        self
    }

    /// The most tasks at once.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.capacity.limit
    }

    /// Tasks that the worker has, those included that wait for a slot of their type.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.capacity.tasks
    }

    /// Open polls: each may bring a task at any moment.
    #[must_use]
    pub fn open_polls(&self) -> usize {
        self.capacity.polls
    }

    /// Tasks of a type that run. 0 for a type without a limit.
    #[must_use]
    pub fn tasks_of_type(&self, kind: &str) -> usize {
        let mut types = self.capacity.types.iter();
        types
            .find(|it| &*it.name == kind)
            .map_or(0, |it| it.running)
    }

    /// The names of all handlers, and the patterns of those of queues.
    #[must_use]
    pub fn names(&self) -> &[TaskName] {
        &self.names
    }

    /// All of it, with the limits by type.
    #[must_use]
    pub fn capacity(&self) -> &CapacityStatus {
        &self.capacity
    }
}
