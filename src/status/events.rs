//! What happens in a worker, for those who want to be told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Message, Recipient};
use futures_util::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::lock;
use crate::id::{JobId, TaskId, TaskName};
use crate::task::Outcome;

/// So many events wait for a listener that is slow; then it misses the oldest.
const WAITING: usize = 1024;

/// Something happened in a worker.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum WorkerEvent {
    /// An orchestrator knows the worker.
    Registered {
        /// Its name.
        orchestrator: Arc<str>,
    },
    /// An orchestrator does not know the worker any more.
    Unregistered {
        /// Its name.
        orchestrator: Arc<str>,
    },
    /// A handler is about to be called.
    TaskStarted {
        /// The task.
        task_id: TaskId,
        /// Its job.
        job_id: JobId,
        /// Its handler.
        name: TaskName,
    },
    /// A task has ended; its result goes out now.
    TaskEnded {
        /// The task.
        task_id: TaskId,
        /// Its job.
        job_id: JobId,
        /// Its handler.
        name: TaskName,
        /// How.
        outcome: Outcome,
        /// How long the handler had it.
        took: Duration,
    },
    /// The orchestrator has a result.
    ResultDelivered {
        /// Of this task.
        task_id: TaskId,
    },
    /// No orchestrator would take a result.
    ResultLost {
        /// Of this task.
        task_id: TaskId,
    },
    /// A model came into memory or left it.
    HotCacheChanged {
        /// Those that are there now, sorted.
        models: Arc<[String]>,
    },
    /// The worker was told to take no tasks.
    Paused,
    /// The worker takes tasks again.
    Resumed,
    /// The worker is shutting down.
    Draining,
    /// The worker is over. Nothing follows.
    Ended,
}

/// Those who listen. Without any an event costs one look.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    count: AtomicUsize,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    channel: Option<broadcast::Sender<WorkerEvent>>,
    actors: Vec<Recipient<WorkerEvent>>,
}

impl Subscribers {
    pub(crate) fn tell(&self, event: impl FnOnce() -> WorkerEvent) {
        if self.count.load(Ordering::Relaxed) > 0 {
            self.pass_on(event());
        }
    }

    fn pass_on(&self, event: WorkerEvent) {
        let mut listeners = lock(&self.listeners);
        listeners.actors.retain(Recipient::connected);
        for actor in &listeners.actors {
            actor.do_send(event.clone());
        }
        let mut count = listeners.actors.len();
        if let Some(channel) = &listeners.channel {
            count += channel.send(event).unwrap_or(0);
            if channel.receiver_count() == 0 {
                listeners.channel = None;
            }
        }
        self.count.store(count, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.tell(|| WorkerEvent::Ended);
        *lock(&self.listeners) = Listeners::default();
    }

    pub(crate) fn add(&self, actor: Recipient<WorkerEvent>) {
        lock(&self.listeners).actors.push(actor);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream(&self) -> WorkerEvents {
        let mut listeners = lock(&self.listeners);
        let channel = listeners
            .channel
            .get_or_insert_with(|| broadcast::channel(WAITING).0);
        self.count.fetch_add(1, Ordering::Relaxed);
        WorkerEvents(channel.subscribe())
    }
}

/// The events of a worker from now on, see
/// [`WorkerHandle::events`](crate::WorkerHandle::events).
#[derive(Debug)]
pub struct WorkerEvents(broadcast::Receiver<WorkerEvent>);

impl WorkerEvents {
    /// The next event; `None` after [`WorkerEvent::Ended`]. Who is slow by more than
    /// a thousand events misses the oldest. Cancel-safe.
    pub async fn next(&mut self) -> Option<WorkerEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a listener is too slow for the worker's events");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = WorkerEvent> + Send {
        futures_util::stream::unfold(self, |mut events| async move {
            let event = events.next().await?;
            Some((event, events))
        })
    }
}
