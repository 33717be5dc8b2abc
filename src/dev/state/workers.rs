//! Registrations, heartbeats and sockets of workers.

use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::{State, View};
use crate::TaskName;
use crate::dev::news::DevNews;
use crate::dev::peaks::Running;
use crate::dev::registry::{Known, Record};
use crate::dev::wire::v1_0b17::BeatReply;

/// A worker, as the orchestrator knows it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerRecord {
    /// The id under which it registered.
    pub id: String,
    /// What it sent, registration and heartbeats merged, unknown members included.
    pub record: Value,
    /// How often it registered, also before a restart.
    pub registrations: u64,
    /// How many polls it has open.
    pub open_polls: usize,
    /// How many tasks it has.
    pub running: Running,
    /// Whether it has a WebSocket open under its id.
    pub has_socket: bool,
}

impl WorkerRecord {
    /// What the worker last said it was: `idle`, `busy` or another word; `None`
    /// before the first heartbeat.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.record.get("status")?.as_str()
    }

    /// A list of texts in the record, such as `supported_tasks`, `current_tasks`,
    /// `hot_cache` or `hot_skills`; empty when it is absent or null.
    #[must_use]
    pub fn list(&self, member: &str) -> Vec<String> {
        let items = self.record.get(member).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }
}

/// What a heartbeat is answered with.
#[derive(Debug)]
pub(crate) enum Beat {
    Unknown,
    Renewed,
    Record(Bytes),
}

/// What a socket's task is told.
#[derive(Debug)]
pub(crate) enum ToSocket {
    Text(String),
    /// Another socket took its place.
    Replaced,
    /// The server goes down.
    ShutDown,
}

#[derive(Debug)]
pub(super) struct Socket {
    id: u64,
    out: UnboundedSender<ToSocket>,
}

impl State {
    pub(crate) fn register(&mut self, id: &str, record: Record) {
        let now = Instant::now();
        self.registry.register(id, record, now);
        let known = self.registry.get(id, now);
        self.readers.tell(|| DevNews::Registered {
            worker: id.to_owned(),
            tasks: known
                .map(|known| known.offers.tasks.clone())
                .unwrap_or_default(),
        });
        *self.registrations.entry(id.to_owned()).or_default() += 1;
        self.serve_all(id, now);
    }

    /// `None` renews the lease only.
    pub(crate) fn heartbeat(&mut self, id: &str, changes: Option<Record>) -> Beat {
        let now = Instant::now();
        let Some(changes) = changes else {
            let is_known = self.registry.renew(id, now);
            return if is_known {
                Beat::Renewed
            } else {
                Beat::Unknown
            };
        };
        let Some(known) = self.registry.merge(id, changes, now) else {
            return Beat::Unknown;
        };
        let body = serde_json::to_vec(&known.record).expect("a JSON value can always be written");
        self.serve_all(id, now);
        Beat::Record(body.into())
    }

    /// A heartbeat of 1.0b17. A worker that is not known gets the same answer as any other.
    pub(crate) fn heartbeat_1_0b17(&mut self, id: &str, mut changes: Record) -> BeatReply {
        let now = Instant::now();
        let mut reply = BeatReply::default();
        if let Some(known) = self.registry.get(id, now)
            && let Some(hash) = changes.get("skills_hash").filter(|hash| !hash.is_null())
            && known.record.get("skills_hash") == Some(hash)
        {
            reply.require_full_sync = known.offers.tasks.is_empty();
            changes.remove("supported_skills");
        }
        let listed = changes.get("current_tasks").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        let listed: Vec<String> = listed.map(str::to_owned).collect();
        if self.registry.merge(id, changes, now).is_some() {
            reply.cancel_task_ids = self.called_off_among(&listed);
            self.serve_all(id, now);
        }
        let jitter = self.quirks.heartbeat_jitter;
        reply.next_heartbeat_jitter_ms =
            jitter.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        reply
    }

    pub(super) fn has_idle_worker(&self, name: &TaskName) -> bool {
        let ignores_availability = self.quirks.ignores_availability;
        let takes = |known: &Known| known.offers.wants(name, ignores_availability);
        self.registry
            .all(Instant::now())
            .any(|(_, known)| takes(known))
    }

    pub(crate) fn open_socket(&mut self, key: &str, out: UnboundedSender<ToSocket>) -> u64 {
        self.next_socket += 1;
        self.socket_tasks += 1;
        let id = self.next_socket;
        if let Some(old) = self.sockets.insert(key.to_owned(), Socket { id, out }) {
            // Its task may have ended already.
            let _ = old.out.send(ToSocket::Replaced);
        }
        id
    }

    /// A socket's task has ended. Another one may have taken its place.
    pub(crate) fn close_socket(&mut self, key: &str, id: u64) {
        self.socket_tasks -= 1;
        if self.sockets.get(key).is_some_and(|socket| socket.id == id) {
            self.sockets.remove(key);
        }
    }

    /// Sends a command if the worker takes commands and has a socket open.
    pub(crate) fn command(&self, worker: &str, text: String) -> bool {
        let known = self.registry.get(worker, Instant::now());
        if !known.is_some_and(|known| known.offers.takes_commands) {
            return false;
        }
        let socket = self.sockets.get(worker);
        socket.is_some_and(|socket| socket.out.send(ToSocket::Text(text)).is_ok())
    }

    pub(crate) fn close_sockets(&mut self) {
        for (_, socket) in self.sockets.drain() {
            let _ = socket.out.send(ToSocket::ShutDown);
        }
    }

    /// Forgets every worker, as after a restart.
    pub(crate) fn forget_workers(&mut self) {
        let ids: Vec<String> = self
            .registry
            .all(Instant::now())
            .map(|(id, _)| id.to_owned())
            .collect();
        self.registry.forget();
        self.rates.clear();
        for id in ids {
            self.serve_all(&id, Instant::now());
        }
    }

    pub(super) fn worker_records(&self, now: Instant) -> Vec<WorkerRecord> {
        let known = self.registry.all(now);
        let mut records: Vec<_> = known.map(|(id, known)| self.record_of(id, known)).collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records
    }

    pub(super) fn worker_record(&self, id: &str, now: Instant) -> Option<WorkerRecord> {
        self.registry
            .get(id, now)
            .map(|known| self.record_of(id, known))
    }

    fn record_of(&self, id: &str, known: &Known) -> WorkerRecord {
        let view = View::of(self);
        WorkerRecord {
            id: id.to_owned(),
            record: Value::Object(known.record.clone()),
            registrations: self.registrations.get(id).copied().unwrap_or_default(),
            open_polls: view.open_polls(id),
            running: view.running(id),
            has_socket: self.sockets.contains_key(id),
        }
    }
}
