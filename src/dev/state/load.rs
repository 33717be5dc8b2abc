//! Many jobs submitted as one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How a load went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Jobs that finished.
    pub finished: usize,
    /// Jobs that came to any other end.
    pub failed: usize,
    /// From the submission of the first job to now, or to the end of the last one.
    pub took: Duration,
}

#[derive(Debug)]
pub(crate) struct Load {
    total: usize,
    finished: AtomicUsize,
    failed: AtomicUsize,
    began: Instant,
    took: std::sync::OnceLock<Duration>,
    done: Notify,
}

impl Load {
    pub(crate) fn new(total: usize) -> Self {
        let load = Self {
            total,
            finished: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            began: Instant::now(),
            took: std::sync::OnceLock::new(),
            done: Notify::new(),
        };
        load.check();
        load
    }

    /// One more job has ended.
    pub(crate) fn ended(&self, is_success: bool) {
        let count = if is_success {
            &self.finished
        } else {
            &self.failed
        };
        count.fetch_add(1, Ordering::AcqRel);
        self.check();
    }

    pub(crate) fn report(&self) -> LoadReport {
        LoadReport {
            finished: self.finished.load(Ordering::Acquire),
            failed: self.failed.load(Ordering::Acquire),
            took: self
                .took
                .get()
                .copied()
                .unwrap_or_else(|| self.began.elapsed()),
        }
    }

    pub(crate) async fn done(&self) -> LoadReport {
        loop {
            let mut done = std::pin::pin!(self.done.notified());
            done.as_mut().enable();
            if self.took.get().is_some() {
                return self.report();
            }
            done.await;
        }
    }

    fn check(&self) {
        let LoadReport {
            finished, failed, ..
        } = self.report();
        if finished + failed >= self.total {
            self.took.get_or_init(|| self.began.elapsed());
            self.done.notify_waiters();
        }
    }
}
