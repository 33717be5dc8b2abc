//! Reading a source without waiting for it for long.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, warn};

use super::UsageSource;
use crate::transport::Usage;

/// How long a heartbeat waits for a measurement.
const PATIENCE: Duration = Duration::from_millis(250);

/// A measurement younger than this is as good as a new one.
const FRESH: Duration = Duration::from_secs(1);

/// The latest measurement, and the way to a new one.
#[derive(Clone)]
pub(crate) enum Gauge {
    /// Nobody measures.
    None,
    /// A thread measures when asked.
    Beside {
        ask: SyncSender<()>,
        readings: watch::Receiver<Reading>,
    },
    /// Measured by whoever reads, for workers that have one thread for everything.
    Here(Rc<RefCell<Box<dyn UsageSource>>>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    at: Option<Instant>,
    usage: Option<Arc<Usage>>,
}

impl Gauge {
    /// Starts a thread for the source. It ends when the gauge is dropped; if the source
    /// never returns, it is left behind.
    pub(crate) fn beside(mut source: Box<dyn UsageSource>) -> Self {
        let (ask, asked) = sync_channel::<()>(1);
        let (sender, readings) = watch::channel(Reading::default());
        let measuring = thread::Builder::new()
            .name("axon-usage".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    let measured = std::panic::catch_unwind(AssertUnwindSafe(|| source.measure()));
                    let Ok(usage) = measured else {
                        error!("the source of usage panicked; usage is not told any more");
                        sender.send_replace(Reading::default());
                        return;
                    };
                    sender.send_replace(Reading {
                        at: Some(Instant::now()),
                        usage: usage.map(Arc::new),
                    });
                }
            });
        if let Err(error) = measuring {
            warn!(%error, "no thread to measure usage with");
            return Self::None;
        }
        // So that there is something to tell soon.
        let _ = ask.try_send(());
        Self::Beside { ask, readings }
    }

    /// For workers that have one thread for everything.
    pub(crate) fn here(source: Box<dyn UsageSource>) -> Self {
        Self::Here(Rc::new(RefCell::new(source)))
    }

    /// The latest measurement, without waiting.
    pub(crate) fn latest(&self) -> Option<Arc<Usage>> {
        match self {
            Self::None => None,
            Self::Beside { readings, .. } => readings.borrow().usage.clone(),
            Self::Here(source) => source.borrow_mut().measure().map(Arc::new),
        }
    }

    /// A new measurement, or the one before if that takes too long.
    pub(crate) async fn read(mut self) -> Option<Arc<Usage>> {
        if let Self::Beside { ask, readings } = &mut self {
            let at = readings.borrow_and_update().at;
            let stale = at.is_none_or(|at| at.elapsed() >= FRESH);
            // A full channel: it was asked already.
            if stale && ask.try_send(()) != Err(TrySendError::Disconnected(())) {
                let _ = tokio::time::timeout(PATIENCE, readings.changed()).await;
            }
        }
        self.latest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// Answers when it is let, with how often it was asked.
    struct Slow(Receiver<bool>, f64);

    impl UsageSource for Slow {
        fn measure(&mut self) -> Option<Usage> {
            let well = self.0.recv().unwrap_or(true);
            assert!(well, "as asked");
            self.1 += 1.0;
            Some(Usage {
                cpu_load_percent: self.1,
                ..Usage::default()
            })
        }
    }

    #[actix_rt::test]
    async fn a_source_is_asked_once_and_waited_for_a_little() {
        let (let_go, wait) = channel();
        let gauge = Gauge::beside(Box::new(Slow(wait, 0.0)));
        assert_eq!(gauge.clone().read().await, None, "it does not answer");
        let_go.send(true).unwrap();
        let load = gauge
            .clone()
            .read()
            .await
            .map(|usage| usage.cpu_load_percent);
        assert_eq!(load, Some(1.0));
        // Fresh enough: not waited for, although nobody answers.
        let began = Instant::now();
        assert!(gauge.clone().read().await.is_some());
        assert!(began.elapsed() < PATIENCE);
    }

    #[actix_rt::test]
    async fn a_source_that_panics_is_not_asked_again() {
        let (let_go, wait) = channel();
        let gauge = Gauge::beside(Box::new(Slow(wait, 0.0)));
        let_go.send(false).unwrap();
        assert_eq!(gauge.clone().read().await, None);
        let began = Instant::now();
        while !matches!(&gauge, Gauge::Beside { ask, .. }
            if ask.try_send(()) == Err(TrySendError::Disconnected(())))
        {
            assert!(began.elapsed() < Duration::from_mins(1));
            tokio::task::yield_now().await;
        }
        assert_eq!(gauge.read().await, None);
    }
}
