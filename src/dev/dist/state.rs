//! What the controller knows: tasks, workers, sessions, switches.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use actix_ws::CloseCode;
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::oddity::Oddity;
use super::task::{DistOutcome, DistProgress, DistTask, DistTaskView, Record};
use crate::config::Token;
use crate::task::Attachment;
use crate::transport::distworker::wire::date;
use crate::transport::distworker::wire::messages::{
    Envelope, FileInfo, Payload, SignedWorkerRegister, WorkerHealth, WorkerRegister,
};
use crate::transport::distworker::wire::signing::{Purpose, sign};
use crate::transport::distworker::wire::structs::Struct;

/// Something a worker did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DistEvent {
    /// It registered.
    Registered {
        /// The id it has from now on.
        worker_id: String,
        /// What it said of its machine and itself.
        about: Value,
    },
    /// Its registration was refused.
    Refused(&'static str),
    /// It sent a heartbeat.
    Heartbeat {
        /// Its health: `UP`, `WARN`, `DOWN` or empty.
        health: &'static str,
        /// MiB of memory in use on its machine.
        memory_used_mb: i64,
    },
    /// A message about a task that is not its own, or of no meaning.
    Ignored(String),
    /// Its connection ended, with this close code if there was one.
    Gone(Option<u16>),
}

/// What is told to the task that owns a connection.
#[derive(Debug, Clone)]
pub(super) enum ToWorker {
    Message(Bytes),
    Odd(Oddity),
    Close(CloseCode),
    Drop,
    Silence,
}

/// A connection.
#[derive(Debug)]
struct Connection {
    tell: mpsc::UnboundedSender<ToWorker>,
    worker_id: Option<String>,
    current: Option<String>,
}

pub(super) struct Shared {
    pub(super) provisioner: String,
    pub(super) token: Token,
    pub(super) ping_every: Duration,
    pub(super) cut_after: Duration,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(
        provisioner: String,
        token: Token,
        ping_every: Duration,
        cut_after: Duration,
        state: State,
    ) -> Self {
        Self {
            provisioner,
            token,
            ping_every,
            cut_after,
            state: Mutex::new(state),
            changes: watch::channel(0).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    pub(super) async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
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

    /// Checks a registration as the controller does, in its order. Returns the worker's
    /// id.
    pub(super) fn admit(&self, register: &WorkerRegister) -> Result<(String, Value), &'static str> {
        let signed = SignedWorkerRegister::decode(register.data.clone())
            .map_err(|_| "the registration cannot be read")?;
        let mut state = self.lock();
        if state.refusals > 0 {
            state.refusals -= 1;
            return Err("told to refuse");
        }
        let (worker_id, token) = match signed.worker_id.as_str() {
            "" if signed.provisioner_name != self.provisioner => return Err("provisioner"),
            "" => {
                let id = uuid::Uuid::new_v4();
                (format!("{}-{id}", self.provisioner), self.token.clone())
            }
            id => {
                let token = state.sessions.get(id).ok_or("worker id")?;
                (id.to_owned(), token.clone())
            }
        };
        let at = date::read(&signed.date).ok_or("date")?;
        if !date::is_in_window(at, state.clock()) {
            return Err("clock");
        }
        let expected = sign(
            token.expose(),
            &signed.date,
            Purpose::Socket,
            &register.data,
        );
        if register.signature != expected.as_slice() {
            return Err("signature");
        }
        let about = signed.resource_info.map_or(Value::Null, |info| {
            serde_json::json!({
                "hostname": info.hostname, "cpu_cores": info.cpu_cores,
                "memory_mb": info.memory_mb, "additional": json_of(info.additional.as_ref()),
            })
        });
        Ok((worker_id, about))
    }

    /// The token of a worker that signs requests.
    pub(super) fn token_of(&self, worker_id: &str) -> Option<Token> {
        let state = self.lock();
        let of_session = state.sessions.get(worker_id).cloned();
        let mut connections = state.connections.values();
        let is_here = |c: &Connection| c.worker_id.as_deref() == Some(worker_id);
        of_session.or_else(|| connections.any(is_here).then(|| self.token.clone()))
    }
}

pub(super) struct State {
    sessions: HashMap<String, Token>,
    keeps_sessions: bool,
    pub(super) idle_time: i32,
    /// By number, so the first comer is asked first.
    connections: BTreeMap<usize, Connection>,
    pub(super) connections_so_far: usize,
    tasks: HashMap<String, Record>,
    pending: VecDeque<String>,
    submitted: u64,
    pub(super) events: Vec<DistEvent>,
    pub(super) files: HashMap<String, Vec<u8>>,
    pub(super) refusals: usize,
    pub(super) unavailable: usize,
    pub(super) late: Option<Duration>,
    pub(super) clock_ahead: i64,
    pub(super) silenced: usize,
}

fn json_of(object: Option<&Struct>) -> Value {
    object.map_or(Value::Null, |object| {
        object.to_json().parse().expect("JSON that we wrote")
    })
}

impl State {
    pub(super) fn new(
        sessions: Vec<(String, Token)>,
        keeps_sessions: bool,
        idle_time: i32,
    ) -> Self {
        Self {
            sessions: sessions.into_iter().collect(),
            keeps_sessions,
            idle_time,
            connections: BTreeMap::new(),
            connections_so_far: 0,
            tasks: HashMap::new(),
            pending: VecDeque::new(),
            submitted: 0,
            events: Vec::new(),
            files: HashMap::new(),
            refusals: 0,
            unavailable: 0,
            late: None,
            clock_ahead: 0,
            silenced: 0,
        }
    }

    pub(super) fn clock(&self) -> SystemTime {
        let apart = Duration::from_secs(self.clock_ahead.unsigned_abs());
        if self.clock_ahead < 0 {
            SystemTime::now() - apart
        } else {
            SystemTime::now() + apart
        }
    }

    pub(super) fn registered(&self) -> usize {
        let registered = |connection: &&Connection| connection.worker_id.is_some();
        self.connections.values().filter(registered).count()
    }

    pub(super) fn view(&self, task_id: &str) -> Option<DistTaskView> {
        self.tasks.get(task_id).map(|record| record.view.clone())
    }

    pub(super) fn submit(&mut self, task: DistTask) -> String {
        self.submitted += 1;
        let task_id = format!("task-{}", self.submitted);
        self.tasks.insert(task_id.clone(), Record::new(task));
        self.pending.push_back(task_id.clone());
        self.assign();
        task_id
    }

    /// Hands out what waits, to whoever is idle.
    pub(super) fn assign(&mut self) {
        while let Some(task_id) = self.pending.front() {
            let mut connections = self.connections.values_mut();
            let is_idle = |c: &&mut Connection| c.worker_id.is_some() && c.current.is_none();
            let Some(connection) = connections.find(is_idle) else {
                return;
            };
            let task_id = task_id.clone();
            self.pending.pop_front();
            if let Some(record) = self.tasks.get_mut(&task_id) {
                hand_out(&task_id, record, connection);
                connection.current = Some(task_id);
            }
        }
    }

    pub(super) fn assign_beside(
        &mut self,
        task_id: &str,
        other: DistTask,
        repeat: bool,
    ) -> Option<String> {
        let mut connections = self.connections.values();
        let has_it = |c: &&Connection| c.current.as_deref() == Some(task_id);
        let connection = connections.find(has_it)?;
        if repeat {
            hand_out(task_id, self.tasks.get_mut(task_id)?, connection);
            return None;
        }
        self.submitted += 1;
        let beside = format!("task-{}", self.submitted);
        let record = self.tasks.entry(beside.clone());
        hand_out(&beside, record.or_insert(Record::new(other)), connection);
        Some(beside)
    }

    pub(super) fn tell_all(&mut self, what: &ToWorker) {
        for connection in self.connections.values() {
            // One that has ended is about to be forgotten.
            let _ = connection.tell.send(what.clone());
        }
    }

    pub(super) fn tell_one(&mut self, number: usize, what: ToWorker) {
        if let Some(connection) = self.connections.get(&number) {
            // One that has ended is about to be forgotten.
            let _ = connection.tell.send(what);
        }
    }

    pub(super) fn opened(&mut self, tell: mpsc::UnboundedSender<ToWorker>) -> usize {
        self.connections_so_far += 1;
        let connection = Connection {
            tell,
            worker_id: None,
            current: None,
        };
        self.connections.insert(self.connections_so_far, connection);
        self.connections_so_far
    }

    pub(super) fn registered_as(&mut self, number: usize, worker_id: String, about: Value) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.worker_id = Some(worker_id.clone());
        }
        self.events.push(DistEvent::Registered { worker_id, about });
        self.assign();
    }

    /// The session goes with the connection; its task stays where it is, for ever.
    pub(super) fn gone(&mut self, number: usize, code: Option<u16>) {
        let connection = self.connections.remove(&number);
        if let Some(id) = connection.and_then(|c| c.worker_id)
            && !self.keeps_sessions
        {
            self.sessions.remove(&id);
        }
        self.events.push(DistEvent::Gone(code));
    }

    /// A message of a registered worker.
    pub(super) fn said(&mut self, number: usize, bytes: &Bytes) {
        let ignored = |what: &str| DistEvent::Ignored(what.to_owned());
        let Ok(envelope) = Envelope::decode(bytes.clone()) else {
            return self.events.push(ignored("no message"));
        };
        let kind = envelope.kind;
        match envelope.payload.filter(|it| it.kind() as i32 == kind) {
            Some(Payload::Heartbeat(beat)) => {
                let health = match beat.health() {
                    WorkerHealth::Unspecified => "",
                    WorkerHealth::Up => "UP",
                    WorkerHealth::Down => "DOWN",
                    WorkerHealth::Warn => "WARN",
                };
                let memory_used_mb = beat.resource_usage.map_or(0, |usage| usage.memory_used_mb);
                self.events.push(DistEvent::Heartbeat {
                    health,
                    memory_used_mb,
                });
            }
            Some(Payload::TaskProgress(it)) => {
                let Some(record) = self.of_worker(number, &it.task_id) else {
                    return;
                };
                record.view.progress.push(DistProgress {
                    progress: it.progress,
                    message: it.message,
                    data: json_of(it.data.as_ref()),
                });
            }
            Some(Payload::TaskComplete(it)) => {
                let outcome = DistOutcome::Completed(json_of(it.result.as_ref()));
                self.ended(number, &it.task_id, outcome, it.result_files);
            }
            Some(Payload::TaskFailed(it)) => {
                let outcome = DistOutcome::Failed {
                    code: it.error_code,
                    message: it.error_message,
                    details: json_of(it.error_details.as_ref()),
                };
                self.ended(number, &it.task_id, outcome, Vec::new());
            }
            _ => self.events.push(ignored("a message of no meaning")),
        }
    }

    /// The task, if it is this worker's.
    fn of_worker(&mut self, number: usize, task_id: &str) -> Option<&mut Record> {
        let worker = self.connections.get(&number)?.worker_id.clone();
        let record = self.tasks.get_mut(task_id);
        let own = record.filter(|record| worker.is_some() && record.worker == worker);
        if own.is_none() {
            let what = format!("about a task that is not its own: {task_id}");
            self.events.push(DistEvent::Ignored(what));
        }
        own
    }

    fn ended(&mut self, number: usize, task_id: &str, outcome: DistOutcome, files: Vec<FileInfo>) {
        let Some(record) = self.of_worker(number, task_id) else {
            return;
        };
        record.view.took = record.assigned_at.map(|at| at.elapsed());
        let again =
            matches!(outcome, DistOutcome::Failed { .. }) && record.retried < record.task.retries;
        if again {
            record.retried += 1;
            record.worker = None;
            self.pending.push_back(task_id.to_owned());
        } else {
            record.view.outcome = Some(outcome);
            record.view.result_files = files.into_iter().map(attachment).collect();
        }
        // Whatever else the worker has: the same task may be ended twice.
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.current = None;
        }
    }
}

fn hand_out(task_id: &str, record: &mut Record, connection: &Connection) {
    record.worker.clone_from(&connection.worker_id);
    record.view.assigned += 1;
    record.assigned_at = Some(Instant::now());
    let message = ToWorker::Message(record.task.assignment(task_id));
    // The task of a worker that has just gone stays with it, as in the real one.
    let _ = connection.tell.send(message);
}

fn attachment(file: FileInfo) -> Attachment {
    Attachment {
        id: file.file_id,
        name: file.filename,
        content_type: file.content_type,
        size: file.size,
        url: file.storage_url,
    }
}
