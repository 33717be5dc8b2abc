//! Everything the orchestrator remembers, behind one lock that is held briefly
//! and never across an await.

mod answers;
mod events;
mod jobs;
mod load;
mod polling;
mod view;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::{Notify, oneshot};

pub(crate) use answers::Taken;
pub(crate) use events::EventAnswer;
pub use jobs::CancelOutcome;
pub(crate) use load::Load;
pub use load::LoadReport;
pub(crate) use polling::{Claim, OpenPoll};
pub use view::{JobCounts, View};
pub use workers::WorkerRecord;
pub(crate) use workers::{Beat, ToSocket};

use super::Dialect;
use super::access::Access;
use super::faults::Faults;
use super::job::{Job, Rules};
use super::news::Readers;
use super::peaks::Peaks;
use super::polls::{PollId, Polls};
use super::queue::TaskQueue;
use super::quirks::{Quirks, RateCounts};
use super::recorder::Recorder;
use super::registry::Registry;
use super::server::Tokens;
use super::trust::Nonces;
use crate::transport::rxon::security::SigningKey;
use crate::{JobId, TaskId, TaskName};

/// What stays the same as long as the orchestrator runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) tokens: Tokens,
    pub(crate) client_token: Option<crate::config::Token>,
    pub(crate) poll_hold: Duration,
    pub(crate) lease: Duration,
    pub(crate) rules: Rules,
    pub(crate) threads: usize,
    /// Signs tasks (1.0b17).
    pub(crate) task_key: SigningKey,
    pub(crate) token_lifetime: Duration,
}

impl Settings {
    pub(crate) fn dialect(&self) -> Dialect {
        self.rules.dialect
    }
}

/// Shared by the server's threads and all handles.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    state: Mutex<State>,
    changed: Notify,
    /// Where timers of the handles run, so that these need no runtime of their
    /// own and no paused clock can stop them.
    pub(crate) runtime: OnceLock<tokio::runtime::Handle>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, quirks: Quirks, recorder: Recorder) -> Self {
        Self {
            state: Mutex::new(State::new(&settings, quirks, recorder)),
            settings,
            changed: Notify::new(),
            runtime: OnceLock::new(),
        }
    }

    /// Changes the state and wakes whoever waits for a change.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let outcome = change(&mut self.lock());
        self.changed.notify_waiters();
        outcome
    }

    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Waits until the state is as wanted; it is looked at after every change.
    pub(crate) async fn wait_until(&self, mut is_wanted: impl FnMut(&View<'_>) -> bool) {
        self.wait_for(|state| is_wanted(&View::of(state))).await;
    }

    pub(crate) async fn wait_for(&self, mut is_wanted: impl FnMut(&State) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if self.look(&mut is_wanted) {
                return;
            }
            changed.await;
        }
    }

    /// Ends after this time, whatever the caller's runtime is. Also ends when
    /// the orchestrator is stopped.
    pub(crate) async fn sleep(&self, time: Duration) {
        let (done, wait) = oneshot::channel::<()>();
        if let Some(runtime) = self.runtime.get() {
            runtime.spawn(async move {
                tokio::time::sleep(time).await;
                drop(done);
            });
        }
        // The sender is never used: its end is the signal.
        let _ = wait.await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a bug of ours; tests see it where it happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Queued,
    /// Put aside for a poll that has not been answered yet.
    Offered(PollId),
    Out(Arc<str>),
    /// Handed to a client that was gone.
    Vanished,
}

#[derive(Debug)]
struct Task {
    job: JobId,
    name: TaskName,
    params: Arc<RawValue>,
    /// Its turn in the queue, kept when it comes back.
    ticket: u64,
    place: Place,
}

#[derive(Debug)]
struct Kept {
    job: Job,
    load: Option<Arc<Load>>,
    /// What its results have told of their files; goes with every later task.
    files: Arc<Map<String, Value>>,
}

#[derive(Debug)]
pub(crate) struct State {
    rules: Rules,
    jobs: HashMap<JobId, Kept>,
    /// Jobs that were called off while a worker had something of them (1.0b17).
    called_off: HashSet<JobId>,
    waiters: HashMap<JobId, Vec<oneshot::Sender<()>>>,
    counts: JobCounts,
    tasks: HashMap<TaskId, Task>,
    queue: TaskQueue,
    polls: Polls,
    registry: Registry,
    registrations: HashMap<String, u64>,
    sockets: HashMap<String, workers::Socket>,
    next_socket: u64,
    /// Tasks of sockets that have not ended, replaced ones included.
    pub(crate) socket_tasks: usize,
    /// Connections of any kind.
    pub(crate) connections: usize,
    peaks: Peaks,
    stale_results: u64,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) rates: RateCounts,
    pub(crate) recorder: Recorder,
    pub(crate) nonces: Nonces,
    pub(crate) access: Access,
    pub(crate) readers: Readers,
}

impl State {
    fn new(settings: &Settings, quirks: Quirks, recorder: Recorder) -> Self {
        Self {
            rules: settings.rules,
            jobs: HashMap::new(),
            called_off: HashSet::new(),
            waiters: HashMap::new(),
            counts: JobCounts::default(),
            tasks: HashMap::new(),
            queue: TaskQueue::default(),
            polls: Polls::default(),
            registry: Registry::new(settings.lease, settings.dialect()),
            registrations: HashMap::new(),
            sockets: HashMap::new(),
            next_socket: 0,
            socket_tasks: 0,
            connections: 0,
            peaks: Peaks::default(),
            stale_results: 0,
            quirks,
            faults: Faults::default(),
            rates: RateCounts::default(),
            recorder,
            nonces: Nonces::default(),
            access: Access::default(),
            readers: Readers::default(),
        }
    }
}
