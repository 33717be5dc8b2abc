//! What the controller knows: tasks, workers, sessions, switches.

mod events;
mod said;
mod shared;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use actix_ws::CloseCode;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::events::Events;
pub(super) use self::shared::Shared;
use super::oddity::Oddity;
use super::task::{DistTask, DistTaskView, Record};
use crate::config::Token;
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

/// How many tasks that have ended are kept: a controller may run for days.
const MOST_ENDED: usize = 10_000;

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
    /// Ids of tasks that have ended, the oldest first.
    ended: VecDeque<String>,
    pub(super) events: Events,
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
            ended: VecDeque::new(),
            events: Events::default(),
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

    /// The task has ended for good; the oldest such task is forgotten.
    fn keep_ended(&mut self, task_id: &str) {
        self.ended.push_back(task_id.to_owned());
        if self.ended.len() > MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.tasks.remove(&oldest);
        }
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
}

fn hand_out(task_id: &str, record: &mut Record, connection: &Connection) {
    record.worker.clone_from(&connection.worker_id);
    record.view.assigned += 1;
    record.assigned_at = Some(Instant::now());
    let message = ToWorker::Message(record.task.assignment(task_id));
    // The task of a worker that has just gone stays with it, as in the real one.
    let _ = connection.tell.send(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_tasks_that_have_ended_the_latest_are_kept() {
        let mut state = State::new(Vec::new(), false, 0);
        let waiting = state.submit(DistTask::new("q", &serde_json::json!({})));
        for _ in 0..MOST_ENDED + 5 {
            let task_id = state.submit(DistTask::new("q", &serde_json::json!({})));
            state.pending.pop_back();
            state.keep_ended(&task_id);
        }
        assert_eq!(state.tasks.len(), MOST_ENDED + 1);
        assert_eq!(state.ended.len(), MOST_ENDED);
        assert!(state.view(&waiting).is_some(), "it has not ended");
        assert!(state.view("task-6").is_none(), "the fifth that ended");
        assert!(state.view("task-7").is_some());
    }
}
