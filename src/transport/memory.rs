//! An orchestrator inside the process: for tests of handlers and of the worker
//! itself, without sockets. Works with tokio's paused clock.
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
mod told;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use commands::Channel;
pub use link::Memory;
use told::Told;

use super::{CancelTarget, Habits, Report, TransportError, WorkerCard};
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

/// An orchestrator with one worker. Clones are the same one.
#[derive(Clone)]
pub struct MemoryOrchestrator {
    state: Arc<Mutex<State>>,
    /// Counts changes, so that waiting needs no polling.
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct State {
    knows_worker: bool,
    card: Option<Arc<WorkerCard>>,
    queue: VecDeque<Task>,
    next_task: u64,
    hold: Duration,
    open_polls: usize,
    calls: Vec<Call>,
    faults: Vec<(Call, TransportError)>,
    reports: Vec<Report>,
    results: Vec<TaskResult>,
    told: Told,
    cancels: Vec<CancelTarget>,
    put_off: Option<Duration>,
    habits: Habits,
    channel: Channel,
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
            hold: Duration::from_secs(30),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changes: Arc::new(watch::channel(0).0),
        }
    }

    /// What to give to [`WorkerBuilder::transport`](crate::WorkerBuilder::transport).
    pub fn connect(&self) -> impl FnOnce(OrchestratorId) -> Memory + Send + use<> {
        let orchestrator = self.clone();
        move |origin| Memory::new(orchestrator, origin)
    }

    /// Queues a task.
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
        id
    }

    /// Lets the next `times` requests of a kind fail.
    pub fn fail_next(&self, call: Call, error: &TransportError, times: usize) {
        let mut state = self.lock();
        state
            .faults
            .extend(std::iter::repeat_n((call, error.clone()), times));
    }

    /// Lets no more requests fail.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Forgets the worker, as a restarted orchestrator does.
    pub fn forget_worker(&self) {
        self.lock().knows_worker = false;
    }

    /// Sets how long polls are held from now on.
    pub fn set_hold(&self, hold: Duration) {
        self.lock().hold = hold;
    }

    /// Calls off a task with the answer to the next heartbeat, by task or job id.
    pub fn cancel_with_next_beat(&self, id: impl Into<String>) {
        self.lock().cancels.push(CancelTarget(id.into()));
    }

    /// Asks with the answer to the next heartbeat for the one after it to come later.
    pub fn put_off_next_beat(&self, delay: Duration) {
        self.lock().put_off = Some(delay);
    }

    /// Sets what the worker should know of this orchestrator's ways.
    pub fn set_habits(&self, habits: Habits) {
        self.lock().habits = habits;
    }

    /// Waits for the result of a task.
    pub async fn result_of(&self, id: &TaskId) -> TaskResult {
        self.wait_for(|state| state.results.iter().find(|r| r.task_id == *id).cloned())
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

    /// What the worker said of itself when it registered.
    #[must_use]
    pub fn card(&self) -> Option<Arc<WorkerCard>> {
        self.lock().card.clone()
    }

    /// All requests so far, failed ones included, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many requests of a kind there were so far, failed ones included.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.lock()
            .calls
            .iter()
            .filter(|made| **made == call)
            .count()
    }

    /// Waits until so many requests of a kind were made.
    pub async fn called(&self, call: Call, at_least: usize) {
        let enough = |state: &State| {
            let made = state.calls.iter().filter(|made| **made == call).count();
            (made >= at_least).then_some(())
        };
        self.wait_for(enough).await;
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

    async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Notes a request and says whether it fails.
    fn begin(&self, call: Call) -> Result<(), TransportError> {
        let mut state = self.lock();
        state.calls.push(call);
        let fault = state.faults.iter().position(|(of, _)| *of == call);
        let answer = match fault {
            Some(place) => Err(state.faults.remove(place).1),
            None => Ok(()),
        };
        self.changed(state);
        answer
    }
}

impl fmt::Debug for MemoryOrchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryOrchestrator")
            .field("queued", &state.queue.len())
            .field("results", &state.results.len())
            .finish_non_exhaustive()
    }
}
