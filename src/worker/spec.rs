//! What is said of a task or an orchestrator when it is given to the builder.

use std::time::Duration;

use crate::id::TaskName;
use crate::transport::TaskEntry;

/// The name of a task and what else there is to say of it. A plain text is a name.
///
/// ```
/// use std::time::Duration;
/// use axon_worker::TaskSpec;
///
/// let spec = TaskSpec::named("upscale_video")
///     .of_type("video_processing")
///     .time_limit(Duration::from_secs(600));
/// ```
#[derive(Debug, Clone)]
pub struct TaskSpec {
    pub(super) entry: TaskEntry,
    pub(super) timeout: Option<Duration>,
}

impl TaskSpec {
    /// A task of that name: ASCII letters, digits, `_` and `-`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            entry: TaskEntry::named(name),
            timeout: None,
        }
    }

    pub(crate) fn name(&self) -> &TaskName {
        &self.entry.name
    }

    /// The type whose limit the task shares with others of that type, see
    /// [`WorkerBuilder::task_type_limit`](crate::WorkerBuilder::task_type_limit).
    #[must_use]
    pub fn of_type(mut self, kind: impl Into<String>) -> Self {
        self.entry.kind = Some(kind.into());
        self
    }

    /// What it does, for people.
    #[must_use]
    pub fn described(mut self, text: impl Into<String>) -> Self {
        self.entry.description = Some(text.into());
        self
    }

    /// The longest it may take, waiting for a slot of its type included. After that
    /// it is called off and fails with `TIMEOUT_ERROR`. No limit by default.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

impl From<&str> for TaskSpec {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

/// An orchestrator behind a transport of one's own: what logs call it, and its
/// place among others. A plain text is a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub(super) name: String,
    pub(super) priority: i64,
    pub(super) weight: u32,
}

impl Route {
    /// Priority 1 and weight 1.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            priority: 1,
            weight: 1,
        }
    }

    /// Lower is preferred, in `FAILOVER` and `WATERFALL`.
    #[must_use]
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// Its share in `ROUND_ROBIN`, at least 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }
}

impl From<&str> for Route {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}
