//! Connections that wait for the next request. The one used last is used first, so that
//! those a quieter time has no need for grow old and are closed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::Connection;

/// Idle connections are given up after this. Common servers close theirs after
/// 5 s at the earliest; a request that meets the closing of its connection may be lost.
const IDLE: Duration = Duration::from_secs(4);

/// The idle connections to one server.
#[derive(Default)]
pub(super) struct IdleConnections {
    /// In the order in which they became idle, by the clock of the machine: it is the
    /// server's patience that counts.
    waiting: RefCell<VecDeque<(Connection, Instant)>>,
}

impl IdleConnections {
    /// One that can be used, if there is any.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut waiting = self.waiting.borrow_mut();
        let now = Instant::now();
        while let Some((_, since)) = waiting.front()
            && now - *since > IDLE
        {
            waiting.pop_front();
        }
        while let Some((mut connection, _)) = waiting.pop_back() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, connection: Connection) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push_back((connection, Instant::now()));
    }
}
