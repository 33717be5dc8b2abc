//! Which task belongs to which connection: the controller takes a result only over the
//! connection that it assigned the task on, and knows of one task per connection.

use std::collections::VecDeque;

use crate::id::TaskId;
use crate::task::Task;

/// What becomes of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assigned {
    /// The worker may have it now.
    Ready,
    /// It waits until the connection's task before it has ended.
    Waits,
    /// We have it already; its result will answer for both.
    Repeated,
}

/// All tasks between assignment and result.
#[derive(Debug)]
pub(super) struct Books {
    lanes: Vec<Lane>,
    /// Not taken by the worker yet, in the order of their assignment.
    ready: VecDeque<Task>,
    /// Tasks whose connection has ended, where the controller takes the result over the
    /// next one.
    kept: Vec<TaskId>,
    keeps: bool,
}

#[derive(Debug, Default)]
struct Lane {
    current: Option<TaskId>,
    waiting: VecDeque<Task>,
}

impl Books {
    /// For so many connections. `keeps`: a task outlives its connection, since the next
    /// one is of the same worker, as far as the controller can tell.
    pub(super) fn new(lanes: usize, keeps: bool) -> Self {
        Self {
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            ready: VecDeque::new(),
            kept: Vec::new(),
            keeps,
        }
    }

    pub(super) fn assign(&mut self, lane: usize, task: Task) -> Assigned {
        let has = |of: &Lane| {
            let mut waiting = of.waiting.iter();
            of.current.as_ref() == Some(&task.id) || waiting.any(|other| other.id == task.id)
        };
        if self.lanes.iter().any(has) || self.kept.contains(&task.id) {
            return Assigned::Repeated;
        }
        let of = &mut self.lanes[lane];
        if of.current.is_some() {
            of.waiting.push_back(task);
            return Assigned::Waits;
        }
        of.current = Some(task.id.clone());
        self.ready.push_back(task);
        Assigned::Ready
    }

    /// The next task for the worker.
    pub(super) fn take(&mut self) -> Option<Task> {
        self.ready.pop_front()
    }

    /// The connection that a task's messages go over.
    pub(super) fn lane_of(&self, id: &TaskId) -> Option<usize> {
        let of_current = |lane: &Lane| lane.current.as_ref() == Some(id);
        let place = self.lanes.iter().position(of_current);
        place.or_else(|| self.kept.contains(id).then_some(0))
    }

    /// Whether this is the task that a connection has.
    pub(super) fn is_current(&self, lane: usize, id: &TaskId) -> bool {
        self.lanes[lane].current.as_ref() == Some(id)
    }

    /// The result of a task was written. `true`: another task is ready therefore.
    pub(super) fn answered(&mut self, id: &TaskId) -> bool {
        self.kept.retain(|other| other != id);
        let mut lanes = self.lanes.iter_mut();
        let Some(lane) = lanes.find(|lane| lane.current.as_ref() == Some(id)) else {
            return false;
        };
        let next = lane.waiting.pop_front();
        lane.current = next.as_ref().map(|task| task.id.clone());
        let is_ready = next.is_some();
        self.ready.extend(next);
        is_ready
    }

    /// A connection has ended. Returns the tasks that the worker has and whose results
    /// nobody will take, and how many it had not taken yet.
    pub(super) fn ended(&mut self, lane: usize) -> (Option<TaskId>, usize) {
        let Lane { current, waiting } = std::mem::take(&mut self.lanes[lane]);
        let Some(current) = current else {
            return (None, 0);
        };
        if self.keeps {
            self.kept.push(current);
            self.kept.extend(waiting.iter().map(|task| task.id.clone()));
            self.ready.extend(waiting);
            return (None, 0);
        }
        let before = self.ready.len();
        self.ready.retain(|task| task.id != current);
        let untaken = before - self.ready.len();
        let orphan = (untaken == 0).then_some(current);
        (orphan, untaken + waiting.len())
    }

    /// Takes out all that the worker has not taken, to be refused.
    pub(super) fn refuse(&mut self) -> Vec<(usize, TaskId)> {
        let mut refused = Vec::new();
        let untaken: Vec<_> = self.ready.drain(..).map(|task| task.id).collect();
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let waiting = lane.waiting.drain(..).map(|task| (place, task.id));
            refused.extend(waiting);
            if let Some(id) = lane.current.take_if(|id| untaken.contains(id)) {
                refused.push((place, id));
            }
        }
        refused
    }

    /// Whether a connection has no task.
    pub(super) fn is_free(&self, lane: usize) -> bool {
        self.lanes[lane].current.is_none() && self.kept.is_empty()
    }

    /// Whether there is no task at all.
    pub(super) fn is_empty(&self) -> bool {
        (0..self.lanes.len()).all(|lane| self.is_free(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OrchestratorId, RawJson};

    fn task(id: &str) -> Task {
        Task::new(OrchestratorId(0), id, id, "q", RawJson::empty_object())
    }

    fn taken(books: &mut Books) -> Vec<String> {
        std::iter::from_fn(|| books.take())
            .map(|task| task.id.as_str().to_owned())
            .collect()
    }

    #[test]
    fn a_connection_has_one_task_at_a_time_and_loses_none() {
        let mut books = Books::new(2, false);
        assert_eq!(books.assign(0, task("a")), Assigned::Ready);
        assert_eq!(books.assign(0, task("b")), Assigned::Waits);
        assert_eq!(books.assign(1, task("c")), Assigned::Ready);
        assert_eq!(taken(&mut books), ["a", "c"]);
        assert!(books.answered(&"a".into()), "b is ready");
        assert_eq!(taken(&mut books), ["b"]);
        assert_eq!(books.lane_of(&"b".into()), Some(0));
        assert!(!books.answered(&"b".into()) && !books.answered(&"c".into()));
        assert!(books.is_empty());
    }

    #[test]
    fn the_same_task_is_run_once_until_it_has_ended_and_then_again() {
        let mut books = Books::new(2, false);
        assert_eq!(books.assign(0, task("a")), Assigned::Ready);
        assert_eq!(books.assign(0, task("a")), Assigned::Repeated);
        assert_eq!(books.assign(1, task("a")), Assigned::Repeated);
        books.answered(&"a".into());
        assert_eq!(books.assign(1, task("a")), Assigned::Ready, "a retry");
    }

    #[test]
    fn a_task_goes_with_its_connection() {
        let mut books = Books::new(1, false);
        books.assign(0, task("a"));
        books.assign(0, task("b"));
        assert_eq!(taken(&mut books), ["a"]);
        assert_eq!(books.ended(0), (Some("a".into()), 1));
        assert_eq!(books.lane_of(&"a".into()), None);
        assert!(books.is_empty() && taken(&mut books).is_empty());
        books.assign(0, task("c"));
        assert_eq!(books.ended(0), (None, 1), "the worker had not seen it");
        assert!(books.is_empty());
    }

    #[test]
    fn a_worker_with_an_id_keeps_its_tasks_and_is_free_for_others() {
        let mut books = Books::new(1, true);
        books.assign(0, task("a"));
        books.assign(0, task("b"));
        assert_eq!(books.ended(0), (None, 0));
        assert_eq!(books.assign(0, task("a")), Assigned::Repeated);
        assert_eq!(books.assign(0, task("c")), Assigned::Ready);
        assert_eq!(taken(&mut books), ["a", "b", "c"]);
        for id in ["a", "b", "c"] {
            assert_eq!(books.lane_of(&id.into()), Some(0));
            books.answered(&id.into());
        }
        assert!(books.is_empty());
    }

    #[test]
    fn what_the_worker_has_not_taken_can_be_refused() {
        let mut books = Books::new(2, false);
        books.assign(0, task("a"));
        taken(&mut books);
        books.assign(0, task("b"));
        books.assign(1, task("c"));
        assert_eq!(books.refuse(), [(0, "b".into()), (1, "c".into())]);
        assert!(!books.is_free(0) && books.is_free(1));
    }
}
