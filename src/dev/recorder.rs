//! A log of the requests that came, for tests to look at.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde_json::Value;

use crate::config::Token;

/// The kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /_worker/workers/register`
    Register,
    /// `GET /_worker/workers/{id}/tasks/next`
    Poll,
    /// `PATCH /_worker/workers/{id}`
    Heartbeat,
    /// `POST /_worker/tasks/result`
    Result,
    /// `GET /_worker/ws` and `GET /_worker/ws/{id}`
    Socket,
    /// `POST /_worker/auth/token`
    Token,
    /// `GET /_public/status`
    Status,
    /// `POST /_worker/events` (1.0b17)
    Event,
    /// `POST /_worker/auth/token/refresh` (1.0b17)
    TokenRefresh,
}

impl Endpoint {
    const COUNT: usize = 9;

    fn index(self) -> usize {
        self as usize
    }
}

/// A request that has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Which kind.
    pub endpoint: Endpoint,
    /// The worker id of the path, else of the body.
    pub worker: Option<String>,
    /// What `X-RXON-Version` said.
    pub version: Option<String>,
    /// The query of the target, without the question mark; empty when there is none.
    pub query: String,
    /// The token that the request showed.
    pub token: Option<Token>,
    /// The body as it came, decompressed.
    pub body: Bytes,
    /// The status of the answer; `None` when the connection ended without one.
    pub status: Option<u16>,
    /// When it came.
    pub at: SystemTime,
    /// When it came, for measuring.
    pub arrived: Instant,
    /// How long it took.
    pub took: Duration,
}

impl RecordedRequest {
    /// The body as JSON; null when there is none or it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An event that a worker sent (1.0b17).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Who sent it.
    pub worker: String,
    /// All of it, as it was sent, with the sender at the end of its `bubbling_chain` if it
    /// came from another worker.
    pub event: Value,
    /// Whether it came over the WebSocket.
    pub over_socket: bool,
    /// Why it was not taken; `None` when it was.
    pub refused: Option<String>,
    /// When it came, for measuring.
    pub arrived: Instant,
}

impl RecordedEvent {
    /// Its `event_type`, if it has one.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.event.get("event_type")?.as_str()
    }

    /// Its `payload`; null when it has none.
    #[must_use]
    pub fn payload(&self) -> &Value {
        self.event.get("payload").unwrap_or(&Value::Null)
    }
}

/// Bodies are kept up to this size together.
const BYTE_LIMIT: usize = 64 * 1024 * 1024;

/// Keeps the newest requests, and exact counts of all.
#[derive(Debug)]
pub(crate) struct Recorder {
    is_on: bool,
    capacity: usize,
    ring: VecDeque<RecordedRequest>,
    /// Bytes of all bodies in the ring.
    bytes: usize,
    events: VecDeque<RecordedEvent>,
    arrived: [u64; Endpoint::COUNT],
}

impl Recorder {
    pub(crate) fn new(is_on: bool, capacity: usize) -> Self {
        Self {
            is_on,
            capacity,
            ring: VecDeque::new(),
            bytes: 0,
            events: VecDeque::new(),
            arrived: [0; Endpoint::COUNT],
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn switch(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    /// Counts a request as it comes, whether it will be recorded or not.
    pub(crate) fn arrived(&mut self, endpoint: Endpoint) {
        self.arrived[endpoint.index()] += 1;
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.arrived[endpoint.index()]
    }

    pub(crate) fn ended(&mut self, request: RecordedRequest) {
        if !self.is_on || self.capacity == 0 {
            return;
        }
        self.bytes += request.body.len();
        self.ring.push_back(request);
        while self.ring.len() > self.capacity || self.bytes > BYTE_LIMIT {
            let Some(oldest) = self.ring.pop_front() else {
                return;
            };
            self.bytes -= oldest.body.len();
        }
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.ring.iter()
    }

    pub(crate) fn event(&mut self, event: RecordedEvent) {
        if self.is_on && self.capacity > 0 {
            if self.events.len() == self.capacity {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &RecordedEvent> {
        self.events.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.ring.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_the_count_is_exact() {
        let mut recorder = Recorder::new(true, 2);
        for status in [200, 204, 503] {
            recorder.arrived(Endpoint::Poll);
            recorder.ended(RecordedRequest {
                endpoint: Endpoint::Poll,
                worker: None,
                version: None,
                query: String::new(),
                token: None,
                body: Bytes::from_static(b"{\"a\":1}"),
                status: Some(status),
                at: SystemTime::now(),
                arrived: Instant::now(),
                took: Duration::ZERO,
            });
        }
        let kept: Vec<_> = recorder
            .requests()
            .filter_map(|request| request.status)
            .collect();
        assert_eq!((kept, recorder.count(Endpoint::Poll)), (vec![204, 503], 3));
        assert_eq!(recorder.requests().next().unwrap().json()["a"], 1);
        recorder.switch(false);
        recorder.arrived(Endpoint::Poll);
        assert_eq!(recorder.count(Endpoint::Poll), 4);
    }
}
