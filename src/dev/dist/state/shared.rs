//! The state as all tasks of the controller have it, and what they look up in it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use serde_json::Value;
use tokio::sync::watch;

use super::{Connection, State, json_of};
use crate::config::Token;
use crate::transport::distworker::wire::date;
use crate::transport::distworker::wire::messages::{SignedWorkerRegister, WorkerRegister};
use crate::transport::distworker::wire::signing::{Purpose, sign};

pub(in crate::dev::dist) struct Shared {
    pub(in crate::dev::dist) provisioner: String,
    pub(in crate::dev::dist) token: Token,
    pub(in crate::dev::dist) ping_every: Duration,
    pub(in crate::dev::dist) cut_after: Duration,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

impl Shared {
    pub(in crate::dev::dist) fn new(
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

    pub(in crate::dev::dist) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    pub(in crate::dev::dist) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    pub(in crate::dev::dist) async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
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
    pub(in crate::dev::dist) fn admit(
        &self,
        register: &WorkerRegister,
    ) -> Result<(String, Value), &'static str> {
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
    pub(in crate::dev::dist) fn token_of(&self, worker_id: &str) -> Option<Token> {
        let state = self.lock();
        let of_session = state.sessions.get(worker_id).cloned();
        let mut connections = state.connections.values();
        let is_here = |c: &Connection| c.worker_id.as_deref() == Some(worker_id);
        of_session.or_else(|| connections.any(is_here).then(|| self.token.clone()))
    }
}
