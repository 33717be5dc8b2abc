//! Files that belong to a task.
