//! What transfers tell: news for those who listen, and counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::{ObjectUri, StorageError};

/// News of one transfer comes no more often than this.
const EVERY: Duration = Duration::from_millis(250);
/// News that nobody has fetched are forgotten beyond so many.
const KEPT: usize = 1024;

/// One transfer among all of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransferId(pub u64);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the storage into a file.
    Fetch,
    /// From a file into the storage.
    Store,
}

/// What happens to one object's transfer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TransferEvent {
    /// It begins.
    Started {
        /// Which.
        id: TransferId,
        /// Which way.
        direction: Direction,
        /// The object.
        uri: Arc<ObjectUri>,
    },
    /// Bytes move; at most four times a second for each transfer.
    Progress {
        /// Which.
        id: TransferId,
        /// Bytes so far. Bytes that were sent again count again.
        moved: u64,
        /// Bytes of the object, if known.
        total: Option<u64>,
    },
    /// It is over.
    Finished {
        /// Which.
        id: TransferId,
        /// Bytes that moved. 0 if they came from the cache.
        moved: u64,
        /// How long it took, all attempts and the wait for a free place included.
        took: Duration,
        /// Why it failed, if it did.
        error: Option<Arc<str>>,
    },
}

impl TransferEvent {
    /// Bytes per second, when it is over and bytes moved.
    pub fn rate(&self) -> Option<f64> {
        match self {
            Self::Finished { moved, took, .. } if *moved > 0 => Some(rate(*moved, *took)),
            _ => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn rate(moved: u64, took: Duration) -> f64 {
    moved as f64 / took.as_secs_f64().max(1e-6)
}

/// A subscription to news.
#[derive(Debug)]
pub struct TransferEvents(broadcast::Receiver<TransferEvent>);

impl TransferEvents {
    /// The next news; `None` when the transfers have ended for good. Whoever is slow
    /// misses some. Cancel-safe.
    pub async fn next(&mut self) -> Option<TransferEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Sums since the transfers began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TransferCounts {
    /// Transfers that are going on.
    pub active: u64,
    /// Objects that came out of the storage.
    pub fetched: u64,
    /// Their bytes.
    pub fetched_bytes: u64,
    /// Objects that went into the storage.
    pub stored: u64,
    /// Their bytes.
    pub stored_bytes: u64,
    /// Transfers that failed or were called off.
    pub failed: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// Objects that came out of the cache.
    pub cache_hits: u64,
    /// Objects that were not in the cache, where there is one.
    pub cache_misses: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        #[derive(Debug, Default)]
        pub(super) struct Counters { next_id: AtomicU64, $(pub(super) $name: AtomicU64),* }

        impl Counters {
            fn read(&self) -> TransferCounts {
                TransferCounts { $($name: self.$name.load(Relaxed)),* }
            }
        }
    };
}
counters!(
    active,
    fetched,
    fetched_bytes,
    stored,
    stored_bytes,
    failed,
    retries,
    cache_hits,
    cache_misses
);

/// Where all transfers tell what they do.
#[derive(Debug, Clone)]
pub(super) struct News {
    out: broadcast::Sender<TransferEvent>,
    pub(super) counters: Arc<Counters>,
}

impl News {
    pub(super) fn new() -> Self {
        Self {
            out: broadcast::Sender::new(KEPT),
            counters: Arc::default(),
        }
    }

    pub(super) fn subscribe(&self) -> TransferEvents {
        TransferEvents(self.out.subscribe())
    }

    pub(super) fn counts(&self) -> TransferCounts {
        self.counters.read()
    }

    fn tell(&self, event: impl FnOnce() -> TransferEvent) {
        if self.out.receiver_count() > 0 {
            let _ = self.out.send(event());
        }
    }

    pub(super) fn begin(&self, direction: Direction, uri: &Arc<ObjectUri>) -> Meter {
        let id = TransferId(self.counters.next_id.fetch_add(1, Relaxed));
        self.counters.active.fetch_add(1, Relaxed);
        self.tell(|| TransferEvent::Started {
            id,
            direction,
            uri: Arc::clone(uri),
        });
        Meter(Arc::new(Gauge {
            id,
            direction,
            news: self.clone(),
            moved: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            was_told: AtomicBool::new(false),
            total: AtomicU64::new(u64::MAX),
            told: AtomicU64::new(0),
            began: Instant::now(),
            is_over: AtomicU64::new(0),
        }))
    }
}

#[derive(Debug)]
struct Gauge {
    id: TransferId,
    direction: Direction,
    news: News,
    moved: AtomicU64,
    /// Bytes that need not be moved again, at their most. Never goes back, so that a
    /// transfer which begins anew again and again makes no progress.
    kept: AtomicU64,
    /// Whether its trouble is in the log.
    was_told: AtomicBool,
    /// `u64::MAX` while it is not known.
    total: AtomicU64,
    /// When news went out last, in milliseconds after the beginning.
    told: AtomicU64,
    began: Instant,
    is_over: AtomicU64,
}

/// Counts the bytes of one transfer.
#[derive(Debug, Clone)]
pub(super) struct Meter(Arc<Gauge>);

impl Meter {
    pub(super) fn add(&self, bytes: usize) {
        let gauge = &*self.0;
        let moved = gauge.moved.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        if gauge.news.out.receiver_count() == 0 {
            return;
        }
        let now = millis(gauge.began.elapsed());
        let told = gauge.told.load(Relaxed);
        if now.saturating_sub(told) >= millis(EVERY)
            && gauge
                .told
                .compare_exchange(told, now, Relaxed, Relaxed)
                .is_ok()
        {
            let total = Some(gauge.total.load(Relaxed)).filter(|total| *total != u64::MAX);
            gauge.news.tell(|| TransferEvent::Progress {
                id: gauge.id,
                moved,
                total,
            });
        }
    }

    pub(super) fn set_total(&self, bytes: u64) {
        self.0.total.store(bytes, Relaxed);
    }

    pub(super) fn moved(&self) -> u64 {
        self.0.moved.load(Relaxed)
    }

    /// Bytes that need not be moved again, whatever happens next.
    pub(super) fn kept(&self) -> u64 {
        self.0.kept.load(Relaxed)
    }

    /// Records that the beginning of the object is here, up to this byte.
    pub(super) fn keep_until(&self, byte: u64) {
        self.0.kept.fetch_max(byte, Relaxed);
    }

    /// Records that the storage has acknowledged so many more bytes.
    pub(super) fn keep(&self, bytes: u64) {
        self.0.kept.fetch_add(bytes, Relaxed);
    }

    /// Returns `true` the first time only.
    pub(super) fn is_first_trouble(&self) -> bool {
        !self.0.was_told.swap(true, Relaxed)
    }

    pub(super) fn retried(&self) {
        self.0.news.counters.retries.fetch_add(1, Relaxed);
    }

    pub(super) fn was_cached(&self, it_was: bool) {
        let counters = &self.0.news.counters;
        let counter = if it_was {
            &counters.cache_hits
        } else {
            &counters.cache_misses
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn finish(&self, uri: &ObjectUri, result: Result<(), &StorageError>) {
        let gauge = &*self.0;
        if gauge.is_over.swap(1, Relaxed) == 1 {
            return;
        }
        let (moved, took) = (self.moved(), gauge.began.elapsed());
        let counters = &gauge.news.counters;
        counters.active.fetch_sub(1, Relaxed);
        let (objects, bytes) = match gauge.direction {
            Direction::Fetch => (&counters.fetched, &counters.fetched_bytes),
            Direction::Store => (&counters.stored, &counters.stored_bytes),
        };
        bytes.fetch_add(moved, Relaxed);
        if let Err(error) = result {
            counters.failed.fetch_add(1, Relaxed);
            tracing::debug!(%uri, direction = ?gauge.direction, moved, %error, "transfer failed");
        } else {
            objects.fetch_add(1, Relaxed);
            tracing::debug!(
                %uri, direction = ?gauge.direction, bytes = moved, ?took,
                bytes_per_second = rate(moved, took).round(), "transferred"
            );
        }
        gauge.news.tell(|| TransferEvent::Finished {
            id: gauge.id,
            moved,
            took,
            error: result.err().map(|error| error.to_string().into()),
        });
    }
}

impl Drop for Gauge {
    /// A transfer that was dropped on its way.
    fn drop(&mut self) {
        if *self.is_over.get_mut() == 1 {
            return;
        }
        let counters = &self.news.counters;
        counters.active.fetch_sub(1, Relaxed);
        counters.failed.fetch_add(1, Relaxed);
        let moved = *self.moved.get_mut();
        let (id, took) = (self.id, self.began.elapsed());
        self.news.tell(|| TransferEvent::Finished {
            id,
            moved,
            took,
            error: Some("called off".into()),
        });
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
