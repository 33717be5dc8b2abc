//! A transport that has no more than it must: no events, no calls of skills, and polls that
//! cannot be dropped, as RXON 1.0b2.

use std::future::pending;
use std::sync::Arc;

use axon_worker::transport::memory::Memory;
use axon_worker::transport::{
    BeatReply, Habits, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, TransportError,
    WorkerCard,
};
use axon_worker::{Task, TaskResult};
use futures_util::future::LocalBoxFuture;

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, TransportError>>;

#[derive(Debug)]
pub struct Bare {
    inner: Memory,
    hears_progress: bool,
}

impl Bare {
    pub fn new(inner: Memory) -> Self {
        Self {
            inner,
            hears_progress: true,
        }
    }

    /// Never answers progress.
    pub fn deaf(inner: Memory) -> Self {
        Self {
            inner,
            hears_progress: false,
        }
    }
}

impl Transport for Bare {
    fn register(&self, card: Arc<WorkerCard>, report: Report) -> Answer<'_, ()> {
        self.inner.register(card, report)
    }

    fn heartbeat(&self, report: Report) -> Answer<'_, BeatReply> {
        self.inner.heartbeat(report)
    }

    fn probe(&self) -> Answer<'_, Standing> {
        self.inner.probe()
    }

    fn poll(&self, offer: Offer) -> Answer<'_, Option<Task>> {
        self.inner.poll(offer)
    }

    fn deliver(&self, result: Arc<TaskResult>) -> Answer<'_, Receipt> {
        self.inner.deliver(result)
    }

    fn progress(&self, update: ProgressUpdate) -> Answer<'_, ()> {
        if self.hears_progress {
            self.inner.progress(update)
        } else {
            Box::pin(pending())
        }
    }

    fn habits(&self) -> Habits {
        self.inner.habits()
    }
}
