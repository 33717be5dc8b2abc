//! What the tables of tasks go by.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

use crate::hashed::Hashed;
use crate::id::{OrchestratorId, TaskId};

/// A task and where it came from: two orchestrators may use the same id.
///
/// It is looked up many times in the life of a task, and hashed once, here. Nobody
/// outside can make two of them fall together: the hash has a seed of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskKey {
    hash: u64,
    pub(crate) origin: OrchestratorId,
    pub(crate) id: TaskId,
}

impl TaskKey {
    pub(crate) fn new(origin: OrchestratorId, id: TaskId) -> Self {
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self {
            hash: SEED.hash_one((origin, &id)),
            origin,
            id,
        }
    }
}

impl Hash for TaskKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A table of tasks.
pub(crate) type ByTask<V> = HashMap<TaskKey, V, Hashed>;

/// Some tasks.
pub(crate) type TaskSet = HashSet<TaskKey, Hashed>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_of_two_orchestrators_is_two_tasks() {
        let key = |origin, id: &str| TaskKey::new(OrchestratorId(origin), id.into());
        let mut tasks = ByTask::default();
        tasks.insert(key(0, "t"), "first");
        tasks.insert(key(1, "t"), "second");
        tasks.insert(key(0, "u"), "third");
        assert_eq!(tasks.get(&key(0, "t")), Some(&"first"));
        assert_eq!(tasks.get(&key(1, "t")), Some(&"second"));
        assert_eq!(tasks.remove(&key(0, "u")), Some("third"));
        assert_eq!(tasks.len(), 2);
    }
}
