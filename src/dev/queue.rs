//! Tasks that wait for a worker, first in first out over all names.

use std::collections::{HashMap, VecDeque};

use crate::{TaskId, TaskName};

/// One lane per task name. A worker looks at the heads of its own lanes only,
/// so the cost of a poll does not depend on how many tasks wait.
///
/// A task that is withdrawn stays in its lane until it comes up: whoever takes
/// one says which tasks still wait.
#[derive(Debug, Default)]
pub(crate) struct TaskQueue {
    lanes: HashMap<TaskName, VecDeque<(u64, TaskId)>>,
    next: u64,
}

impl TaskQueue {
    /// The place of a task that comes last.
    pub(crate) fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts a task where its ticket belongs: last when the ticket is new, near
    /// the head when the task had been taken before.
    pub(crate) fn insert(&mut self, name: &TaskName, ticket: u64, task: TaskId) {
        let lane = match self.lanes.get_mut(name) {
            Some(lane) => lane,
            None => self.lanes.entry(name.clone()).or_default(),
        };
        if lane.back().is_none_or(|(last, _)| *last < ticket) {
            lane.push_back((ticket, task));
        } else {
            let earlier = lane.iter().take_while(|(other, _)| *other < ticket).count();
            lane.insert(earlier, (ticket, task));
        }
    }

    /// Takes the task that has waited longest among those with one of `names`.
    pub(crate) fn take<'a>(
        &mut self,
        names: impl Iterator<Item = &'a TaskName>,
        waits: impl Fn(&TaskId) -> bool,
    ) -> Option<TaskId> {
        let mut first: Option<(u64, &TaskName)> = None;
        for name in names {
            let Some(lane) = self.lanes.get_mut(name) else {
                continue;
            };
            while lane.front().is_some_and(|(_, task)| !waits(task)) {
                lane.pop_front();
            }
            match lane.front() {
                Some((ticket, _)) if first.is_none_or(|(best, _)| *ticket < best) => {
                    first = Some((*ticket, name));
                }
                _ => {}
            }
        }
        let (_, name) = first?;
        let (_, task) = self.lanes.get_mut(name)?.pop_front()?;
        Some(task)
    }

    pub(crate) fn clear(&mut self) {
        self.lanes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(queue: &mut TaskQueue, name: &str, id: &str) -> u64 {
        let ticket = queue.ticket();
        queue.insert(&name.into(), ticket, id.into());
        ticket
    }

    fn take(queue: &mut TaskQueue, names: &[&str]) -> Option<String> {
        let names: Vec<TaskName> = names.iter().map(|name| (*name).into()).collect();
        queue
            .take(names.iter(), |id| !id.as_str().starts_with("gone"))
            .map(|id| id.to_string())
    }

    #[test]
    fn the_oldest_of_the_supported_names_comes_first() {
        let mut queue = TaskQueue::default();
        add(&mut queue, "b", "1");
        add(&mut queue, "a", "2");
        add(&mut queue, "b", "3");
        assert_eq!(take(&mut queue, &["a"]).unwrap(), "2");
        assert_eq!(take(&mut queue, &["a", "b"]).unwrap(), "1");
        assert_eq!(take(&mut queue, &["a", "b"]).unwrap(), "3");
        assert_eq!(take(&mut queue, &["a", "b"]), None);
    }

    #[test]
    fn a_task_that_came_back_keeps_its_turn() {
        let mut queue = TaskQueue::default();
        let first = add(&mut queue, "a", "1");
        let second = add(&mut queue, "a", "2");
        add(&mut queue, "a", "3");
        take(&mut queue, &["a"]);
        take(&mut queue, &["a"]);
        queue.insert(&"a".into(), second, "2".into());
        queue.insert(&"a".into(), first, "1".into());
        assert_eq!(take(&mut queue, &["a"]).unwrap(), "1");
        assert_eq!(take(&mut queue, &["a"]).unwrap(), "2");
        assert_eq!(take(&mut queue, &["a"]).unwrap(), "3");
    }

    #[test]
    fn withdrawn_tasks_are_passed_over() {
        let mut queue = TaskQueue::default();
        add(&mut queue, "a", "gone-1");
        add(&mut queue, "a", "2");
        assert_eq!(take(&mut queue, &["a"]).unwrap(), "2");
    }
}
