//! An orchestrator inside the process: for tests of handlers and of the worker
//! itself, without sockets. Works with tokio's paused clock, and for any number of
//! workers at once.
//!
//! ```
//! use axon_worker::transport::memory::MemoryOrchestrator;
//! use axon_worker::{Outcome, RawJson, TaskError, Worker, config::Settings};
//! use serde_json::json;
//!
//! async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
//!     Ok(params)
//! }
//!
//! # #[actix_rt::main]
//! # async fn main() -> axon_worker::Result<()> {
//! let orchestrator = MemoryOrchestrator::new();
//! let worker = Worker::builder("test")
//!     .settings(Settings::default())
//!     .task("echo", echo)
//!     .transport("memory", orchestrator.connect())
//!     .spawn()?;
//!
//! let task = orchestrator.submit("echo", &json!({"a": 1}));
//! let result = orchestrator.result_of(&task).await;
//! let Outcome::Completed(reply) = result.outcome else { panic!("it failed") };
//! assert_eq!(reply.data().as_str(), r#"{"a":1}"#);
//! worker.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod commands;
mod link;
mod outages;
mod told;
mod watch;
mod workers;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch as changes};
use tokio::time::Instant;

pub use link::Memory;
use outages::Outages;
use told::Told;
pub use watch::Made;
use workers::Peer;

use super::{Habits, Report, TransportError, WorkerCard};
use crate::id::{OrchestratorId, TaskId};
use crate::json::RawJson;
use crate::task::{Task, TaskResult};

/// A kind of request, to make some of them fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`Transport::register`](super::Transport::register).
    Register,
    /// [`Transport::heartbeat`](super::Transport::heartbeat).
    Heartbeat,
    /// [`Transport::probe`](super::Transport::probe).
    Probe,
    /// [`Transport::poll`](super::Transport::poll).
    Poll,
    /// [`Transport::deliver`](super::Transport::deliver).
    Deliver,
    /// [`Transport::open_commands`](super::Transport::open_commands).
    OpenCommands,
    /// [`Transport::progress`](super::Transport::progress).
    Progress,
    /// [`Transport::event`](super::Transport::event).
    Event,
    /// [`Transport::call_skill`](super::Transport::call_skill).
    CallSkill,
}

/// An orchestrator with one worker or many. Clones are the same one.
#[derive(Clone)]
pub struct MemoryOrchestrator {
    state: Arc<Mutex<State>>,
    /// Counts changes, so that waiting needs no polling.
    changes: Arc<changes::Sender<u64>>,
    /// Wakes one open poll per task, and all when the orchestrator goes down.
    polls: Arc<Notify>,
}

struct State {
    began: Instant,
    /// At least one: what is said before the first worker connects is said to it.
    peers: Vec<Peer>,
    connected: usize,
    /// Of whoever registered last.
    card: Option<Arc<WorkerCard>>,
    queue: VecDeque<Task>,
    next_task: u64,
    hold: Duration,
    open_polls: usize,
    made: Vec<Made>,
    outages: Outages,
    reports: Vec<Report>,
    registered_as: Vec<Report>,
    results: Vec<TaskResult>,
    told: Told,
    habits: Habits,
}

impl Default for MemoryOrchestrator {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryOrchestrator {
    /// An orchestrator that holds polls for 30 s.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            began: Instant::now(),
            peers: vec![Peer::default()],
            connected: 0,
            card: None,
            queue: VecDeque::new(),
            next_task: 0,
            hold: Duration::from_secs(30),
            open_polls: 0,
            made: Vec::new(),
            outages: Outages::default(),
            reports: Vec::new(),
            registered_as: Vec::new(),
            results: Vec::new(),
            told: Told::default(),
            habits: Habits::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changes: Arc::new(changes::channel(0).0),
            polls: Arc::default(),
        }
    }

    /// What to give to [`WorkerBuilder::transport`](crate::WorkerBuilder::transport),
    /// anew for each worker.
    pub fn connect(&self) -> impl FnOnce(OrchestratorId) -> Memory + Send + use<> {
        let (orchestrator, peer) = (self.clone(), self.new_peer());
        move |origin| Memory::new(orchestrator, peer, origin)
    }

    /// Queues a task. With several workers, whoever polls next gets it.
    ///
    /// # Panics
    /// When the parameters have no JSON form.
    pub fn submit(&self, name: &str, params: &impl Serialize) -> TaskId {
        let params = RawJson::from_serialize(params).expect("parameters with a JSON form");
        self.submit_with(name, params, |_| {})
    }

    /// Queues a task after changing it, for example its deadline.
    pub fn submit_with(
        &self,
        name: &str,
        params: RawJson,
        change: impl FnOnce(&mut Task),
    ) -> TaskId {
        let mut state = self.lock();
        state.next_task += 1;
        let number = state.next_task;
        let (id, job) = (format!("task-{number}"), format!("job-{number}"));
        let mut task = Task::new(OrchestratorId(0), id, job, name, params);
        change(&mut task);
        let id = task.id.clone();
        state.queue.push_back(task);
        self.changed(state);
        self.polls.notify_one();
        id
    }

    /// Sets how long polls are held from now on.
    pub fn set_hold(&self, hold: Duration) {
        self.lock().hold = hold;
    }

    /// Sets what the worker should know of this orchestrator's ways.
    pub fn set_habits(&self, habits: Habits) {
        self.lock().habits = habits;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Notes a request of a worker and says whether it fails.
    fn begin(&self, peer: usize, call: Call) -> Result<(), TransportError> {
        let mut state = self.lock();
        let at = state.began.elapsed();
        state.made.push(Made {
            at,
            call,
            worker: peer,
        });
        let answer = state.outages.answer(call);
        self.changed(state);
        answer
    }
}

impl fmt::Debug for MemoryOrchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryOrchestrator")
            .field("workers", &state.connected)
            .field("queued", &state.queue.len())
            .field("results", &state.results.len())
            .finish_non_exhaustive()
    }
}
