//! What is known of one orchestrator, written by the pool.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{lock, seconds};
use crate::metrics::LinkMeter;
use crate::transport::TransportError;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Exchange {
    Poll,
    Heartbeat,
    Registration,
    Result,
}

/// The state of one orchestrator, seen from here.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct OrchestratorStatus {
    /// Its name, which for HTTP is its address.
    pub name: Arc<str>,
    /// Whether the worker is registered there.
    pub registered: bool,
    /// For how long.
    #[serde(serialize_with = "seconds::maybe")]
    pub registered_for: Option<Duration>,
    /// Whether its tasks are wanted now: a standby is registered, but not polled.
    pub active: bool,
    /// Polls that are open there.
    pub open_polls: usize,
    /// How long ago it last answered a poll.
    #[serde(serialize_with = "seconds::maybe")]
    pub last_poll: Option<Duration>,
    /// How long ago it last answered a heartbeat.
    #[serde(serialize_with = "seconds::maybe")]
    pub last_heartbeat: Option<Duration>,
    /// How long its answer to that heartbeat took.
    #[serde(serialize_with = "seconds::maybe")]
    pub latency: Option<Duration>,
    /// What went wrong last, if nothing of that kind went well since.
    pub trouble: Option<Trouble>,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// How.
    pub message: String,
    /// How long ago.
    #[serde(serialize_with = "seconds::one")]
    pub ago: Duration,
}

/// As it is written.
#[derive(Debug)]
pub(crate) struct LinkBoard {
    name: Arc<str>,
    registered: AtomicBool,
    active: AtomicBool,
    open_polls: AtomicUsize,
    born: Instant,
    /// Microseconds since `born`, plus one; 0: never.
    registered_at: AtomicU64,
    last_poll: AtomicU64,
    last_heartbeat: AtomicU64,
    /// Microseconds, plus one.
    latency: AtomicU64,
    last_error: Mutex<Option<(Exchange, String, Instant)>>,
    has_error: AtomicBool,
    meter: LinkMeter,
}

impl LinkBoard {
    pub(crate) fn new(name: &str, meter: LinkMeter) -> Self {
        Self {
            name: name.into(),
            registered: AtomicBool::new(false),
            active: AtomicBool::new(false),
            open_polls: AtomicUsize::new(0),
            born: Instant::now(),
            registered_at: AtomicU64::new(0),
            last_poll: AtomicU64::new(0),
            last_heartbeat: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            last_error: Mutex::new(None),
            has_error: AtomicBool::new(false),
            meter,
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `true`: that is news.
    pub(super) fn set_registered(&self, registered: bool) -> bool {
        let is_news = self.registered.swap(registered, Ordering::Relaxed) != registered;
        if is_news {
            let stamp = micros(self.born.elapsed());
            self.registered_at.store(stamp, Ordering::Relaxed);
        }
        is_news
    }

    pub(crate) fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Relaxed);
    }

    pub(crate) fn set_open_polls(&self, polls: usize) {
        self.open_polls.store(polls, Ordering::Relaxed);
    }

    /// A request was answered well, with a task or whatever else it is for.
    pub(crate) fn answered(&self, kind: Exchange, found: bool, took: Duration) {
        let now = || micros(self.born.elapsed());
        match kind {
            Exchange::Poll => self.last_poll.store(now(), Ordering::Relaxed),
            Exchange::Heartbeat => {
                self.last_heartbeat.store(now(), Ordering::Relaxed);
                self.latency.store(micros(took), Ordering::Relaxed);
            }
            Exchange::Registration | Exchange::Result => {}
        }
        self.meter.answered(kind, found, took);
        if self.has_error.load(Ordering::Relaxed) {
            let mut last = lock(&self.last_error);
            if last.as_ref().is_some_and(|(of, ..)| *of == kind) {
                *last = None;
                self.has_error.store(false, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn failed(&self, kind: Exchange, error: &TransportError) {
        self.meter.failed(kind, error);
        *lock(&self.last_error) = Some((kind, error.to_string(), Instant::now()));
        self.has_error.store(true, Ordering::Relaxed);
    }

    /// A request was answered, well or not.
    pub(crate) fn note<T>(
        &self,
        kind: Exchange,
        took: Duration,
        answer: &Result<T, TransportError>,
        found: bool,
    ) {
        match answer {
            Ok(_) => self.answered(kind, found, took),
            Err(error) => self.failed(kind, error),
        }
    }

    /// How long the answer to the last heartbeat took.
    pub(super) fn latency(&self) -> Option<Duration> {
        let latency = self.latency.load(Ordering::Relaxed).checked_sub(1);
        latency.map(Duration::from_micros)
    }

    pub(super) fn read(&self) -> OrchestratorStatus {
        let ago = |stamp: &AtomicU64| {
            let at = Duration::from_micros(stamp.load(Ordering::Relaxed).checked_sub(1)?);
            Some(self.born.elapsed().saturating_sub(at))
        };
        let last_error = lock(&self.last_error);
        let registered = self.registered.load(Ordering::Relaxed);
        OrchestratorStatus {
            name: self.name.clone(),
            registered,
            registered_for: ago(&self.registered_at).filter(|_| registered),
            active: self.active.load(Ordering::Relaxed),
            open_polls: self.open_polls.load(Ordering::Relaxed),
            last_poll: ago(&self.last_poll),
            last_heartbeat: ago(&self.last_heartbeat),
            latency: self.latency(),
            trouble: last_error.as_ref().map(|(_, text, at)| Trouble {
                message: text.clone(),
                ago: at.elapsed(),
            }),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).map_or(u64::MAX, |it| it.saturating_add(1))
}
