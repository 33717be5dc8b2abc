//! What a worker tells its orchestrators about itself, and what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Contract, Usage};
use crate::config::{Artifact, Resources};
use crate::id::{JobId, TaskId, TaskName, WorkerId};
use crate::json::RawJson;

/// What the worker is and can do; the same for its whole life.
#[derive(Debug, Clone)]
pub struct WorkerCard {
    /// Its name.
    pub worker_id: WorkerId,
    /// The kind of worker, for people and for dispatch rules.
    pub worker_type: String,
    /// All handlers, in the order of their registration.
    pub tasks: Vec<TaskEntry>,
    /// The hardware.
    pub resources: Resources,
    /// Software and versions.
    pub installed_software: BTreeMap<String, String>,
    /// Models and other artifacts.
    pub installed_models: Vec<Artifact>,
    /// Cost per second by task name.
    pub cost_per_skill: BTreeMap<String, f64>,
    /// Which models a task needs, by task name.
    pub skill_dependencies: BTreeMap<String, Vec<String>>,
    /// The most tasks at once.
    pub max_concurrent_tasks: usize,
    /// Fingerprint of the object storage settings, if there are any.
    pub storage_hash: Option<String>,
    /// Name of this machine.
    pub hostname: String,
    /// An address of this machine.
    pub ip_address: String,
    /// Whatever else dispatch rules may look at, from `WORKER_EXTRA_*`.
    pub extra: BTreeMap<String, Value>,
    /// Whether commands can reach the worker over a socket.
    pub takes_commands: bool,
}

/// A handler, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEntry {
    /// The name that tasks ask for.
    pub name: TaskName,
    /// The type whose limit it shares with others, if any.
    pub kind: Option<String>,
    /// What it does, for people.
    pub description: Option<String>,
    /// What goes in and comes out.
    pub contract: Arc<Contract>,
}

impl TaskEntry {
    /// A handler of that name, of which nothing else is said.
    #[must_use]
    pub fn named(name: impl Into<TaskName>) -> Self {
        Self {
            name: name.into(),
            kind: None,
            description: None,
            contract: Arc::default(),
        }
    }
}

/// The state of the worker at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Whether it takes tasks.
    pub availability: Availability,
    /// The handlers that have a free slot now, in the order of their registration.
    pub available: Arc<[TaskName]>,
    /// The tasks it has, waiting ones included.
    pub running: Arc<[RunningTask]>,
    /// Models in memory, sorted.
    pub hot_cache: Arc<[String]>,
    /// Names of the skill dependencies whose models are all in memory.
    pub hot_skills: Arc<[String]>,
    /// How busy the machine is, where somebody measures it. Transports send it as
    /// often as their protocol wants it.
    pub usage: Option<Arc<Usage>>,
}

/// Whether the worker takes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Availability {
    /// At least one handler has a free slot.
    Idle,
    /// The worker is below its global limit, but no handler has a free slot.
    Busy,
    /// The global limit is reached.
    Full,
    /// Takes no new tasks and finishes what it has.
    Draining,
    /// Is about to end.
    Offline,
}

/// A task the worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTask {
    /// The task.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BeatReply {
    /// The orchestrator does not know the worker: register.
    pub forgotten: bool,
    /// Tasks to call off.
    pub cancel: Vec<CancelTarget>,
    /// How much longer than usual to wait before the next heartbeat.
    pub extra_delay: Option<Duration>,
}

/// What the worker should know of an orchestrator's ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Habits {
    /// For so long it may hand out tasks after it has heard that the worker takes none.
    pub dispatch_lag: Duration,
    /// Whether it limits the number of heartbeats and events, so that heartbeats that
    /// decide nothing about tasks are spaced by `WORKER_HEARTBEAT_COOLDOWN`, and progress
    /// goes out once a second rather than ten times.
    pub counts_requests: bool,
    /// For how long it remembers a worker that it does not hear of, if it forgets any. After
    /// a longer silence the worker registers anew.
    pub lease: Option<Duration>,
}

/// A task to call off, by the id of the task or of its job: one protocol mixes them up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CancelTarget(pub String);

/// Does the orchestrator know the worker?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Known,
    /// No: register.
    Forgotten,
}

/// What a poll offers to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Handlers with a free slot now.
    pub available: Arc<[TaskName]>,
    /// Those of them whose models are in memory.
    pub hot: Arc<[String]>,
}

/// How the orchestrator took a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receipt {
    /// It went into the job.
    Accepted,
    /// The orchestrator has no use for it, for the reason given; repeating is pointless.
    Ignored(String),
    /// It could not be delivered and never will be, for the reason given.
    Lost(String),
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressUpdate {
    /// The task.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// From 0.0 to 1.0.
    pub progress: f64,
    /// For people.
    pub message: String,
    /// Extra data of protocols that take it.
    pub data: Option<RawJson>,
    /// Trace headers, for example `traceparent`.
    pub trace_context: BTreeMap<String, String>,
}

/// Something that a handler tells while it runs, by a name of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique; a repeated one is recognised by it.
    pub id: String,
    /// The task that tells it.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// What it is called.
    pub name: String,
    /// What it says: a JSON object.
    pub payload: RawJson,
    /// Higher is more urgent.
    pub priority: f64,
    /// Trace headers, for example `traceparent`.
    pub trace_context: BTreeMap<String, String>,
}

/// A call of a skill of some other worker.
#[derive(Debug, Clone, PartialEq)]
pub struct SkillCall {
    /// The task on whose behalf it is made.
    pub task_id: TaskId,
    /// Its job.
    pub job_id: JobId,
    /// Which skill.
    pub skill: TaskName,
    /// What goes in.
    pub params: RawJson,
    /// Trace headers, for example `traceparent`.
    pub trace_context: BTreeMap<String, String>,
}
